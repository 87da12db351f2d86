//! A line chart as SVG. Pure.

use std::fmt::Write;

/// A chart: lines over places that are told by name.
#[derive(Debug)]
pub struct Chart {
    pub title: String,
    /// What the values are, and in which unit.
    pub unit: String,
    /// Whether a step upwards is ten times as much.
    pub is_logarithmic: bool,
    pub places: Vec<String>,
    pub lines: Vec<Line>,
}

/// One line: a value at each place, where there is one.
#[derive(Debug)]
pub struct Line {
    pub name: String,
    pub values: Vec<Option<f64>>,
}

const WIDTH: f64 = 800.0;
const HEIGHT: f64 = 420.0;
/// Where the lines are.
const LEFT: f64 = 70.0;
const RIGHT: f64 = 590.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 370.0;
/// They differ in lightness too.
const COLOURS: [&str; 6] = ["#0b6e4f", "#c1440e", "#e0a100", "#3d5a80", "#8a4f9e", "#555555"];

impl Chart {
    /// The text of the file.
    pub fn svg(&self) -> String {
        let scale = Scale::of(self);
        let mut text = String::new();
        // Writing to a text does not fail.
        let _ = write!(
            text,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"13\">\n\
             <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n"
        );
        words(
            &mut text,
            [LEFT, 22.0],
            "start",
            "font-weight=\"bold\" font-size=\"15\"",
            &self.title,
        );
        words(&mut text, [LEFT, 40.0], "start", "fill=\"#555\"", &self.unit);
        for mark in scale.marks() {
            let y = scale.y(mark);
            let _ = writeln!(
                text,
                "<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{RIGHT}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>"
            );
            words(&mut text, [LEFT - 8.0, y + 4.0], "end", "fill=\"#555\"", &number(mark));
        }
        for (at, place) in self.places.iter().enumerate() {
            words(&mut text, [self.x(at), BOTTOM + 22.0], "middle", "fill=\"#555\"", place);
        }
        for ((line, colour), label) in self.lines.iter().zip(COLOURS).zip(self.labels(&scale)) {
            self.line(&mut text, &scale, line, colour);
            let style = format!("fill=\"{colour}\"");
            words(&mut text, [RIGHT + 12.0, label], "start", &style, &line.name);
        }
        text.push_str("</svg>\n");
        text
    }

    fn line(&self, text: &mut String, scale: &Scale, line: &Line, colour: &str) {
        let points: Vec<_> = line
            .values
            .iter()
            .enumerate()
            .filter_map(|(at, value)| Some((self.x(at), scale.y((*value)?))))
            .collect();
        let path: Vec<_> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(
            text,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2.5\"/>",
            path.join(" ")
        );
        for (x, y) in points {
            let _ =
                writeln!(text, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{colour}\"/>");
        }
    }

    /// Where the name of each line stands: at its end, and clear of the others.
    fn labels(&self, scale: &Scale) -> Vec<f64> {
        const APART: f64 = 17.0;
        let end =
            |line: &Line| line.values.iter().rev().flatten().next().map_or(TOP, |it| scale.y(*it));
        let mut order: Vec<_> = self.lines.iter().map(end).enumerate().collect();
        order.sort_by(|one, other| one.1.total_cmp(&other.1));
        let mut at = vec![0.0; order.len()];
        let mut free = TOP;
        for (line, y) in order {
            free = f64::max(free, y + 4.0);
            at[line] = free;
            free += APART;
        }
        let over = (free - APART - BOTTOM).max(0.0);
        at.iter().map(|y| y - over).collect()
    }

    #[allow(clippy::cast_precision_loss, reason = "places are few")]
    fn x(&self, at: usize) -> f64 {
        let last = self.places.len().saturating_sub(1).max(1) as f64;
        LEFT + 25.0 + (RIGHT - LEFT - 50.0) * at as f64 / last
    }
}

/// From which value to which.
#[derive(Debug)]
struct Scale {
    is_logarithmic: bool,
    from: f64,
    to: f64,
}

impl Scale {
    fn of(chart: &Chart) -> Self {
        let values = || chart.lines.iter().flat_map(|line| line.values.iter().flatten().copied());
        let (least, greatest) =
            (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
        let is_logarithmic = chart.is_logarithmic;
        let (from, to) = match is_logarithmic {
            true => (10_f64.powf(least.log10().floor()), 10_f64.powf(greatest.log10().ceil())),
            false => (0.0, step(greatest) * (greatest / step(greatest)).ceil()),
        };
        Self { is_logarithmic, from, to }
    }

    fn marks(&self) -> Vec<f64> {
        let next = |mark: &f64| {
            let next = match self.is_logarithmic {
                true => mark * 10.0,
                false => mark + step(self.to),
            };
            (next <= self.to * 1.000_001).then_some(next)
        };
        std::iter::successors(Some(self.from), next).collect()
    }

    fn y(&self, value: f64) -> f64 {
        let share = match self.is_logarithmic {
            true => (value / self.from).log10() / (self.to / self.from).log10(),
            false => value / self.to,
        };
        BOTTOM - (BOTTOM - TOP - 10.0) * share
    }
}

/// A round step that cuts this into a few.
fn step(greatest: f64) -> f64 {
    let power = 10_f64.powf(greatest.log10().floor());
    match greatest / power {
        share if share < 2.0 => power / 4.0,
        share if share < 5.0 => power / 2.0,
        _ => power,
    }
}

fn number(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        value if value >= 10.0 => crate::common::statistics::thousands(whole(value)),
        value => format!("{}", (value * 1e4).round() / 1e4),
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "values are not negative"
)]
fn whole(value: f64) -> usize {
    value.round() as usize
}

fn words(text: &mut String, [x, y]: [f64; 2], anchor: &str, style: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let _ = writeln!(
        text,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" {style}>{words}</text>"
    );
}
