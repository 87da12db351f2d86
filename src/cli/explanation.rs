//! What `explain` says, as data, and in words.

use super::{
    answer::nearest,
    credentials::CredentialExplanation,
    output::{FAINT, GOOD, HINT, TITLE, WARNING, counted, printable},
};
use crate::{
    config::{Config, Mode},
    image::Reference,
    inject::{Decision, Image, PodView, Report},
};
use serde::Serialize;
use std::fmt;

/// The explanation of every Pod of a file.
#[derive(Debug, Serialize)]
pub struct Explanation {
    /// The mode of the configuration.
    pub mode: Mode,
    /// The Pods, in order.
    pub pods: Vec<PodExplanation>,
}

/// The explanation of one Pod or Pod template.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PodExplanation {
    /// The number of its document, from 1.
    pub document: usize,
    /// Kind and name.
    pub object: String,
    /// The namespace that was assumed.
    pub namespace: String,
    /// Where that comes from.
    pub namespace_source: String,
    /// The images.
    pub images: Vec<ImageExplanation>,
    /// The decision.
    #[serde(flatten)]
    pub report: Report,
    /// The entries of which no pattern matches an image.
    pub unmatched: Vec<String>,
    /// What the sources of the entries that apply have for the images; only with `--sources`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub credentials: Vec<CredentialExplanation>,
    /// Whether an entry does not apply only because the namespace's labels were not given.
    pub lacks_labels: bool,
}

/// One image.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageExplanation {
    /// Where it stands in the PodSpec.
    pub place: String,
    /// As it is written.
    pub image: String,
    /// The canonical reference; null if it is none.
    pub reference: Option<String>,
    /// Why it is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The pattern that it was probably meant for, where none matches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub near_miss: Option<NearMissExplanation>,
}

/// A pattern that nearly matches.
#[derive(Debug, Serialize)]
pub struct NearMissExplanation {
    /// The entry's name.
    pub entry: String,
    /// The pattern.
    pub pattern: String,
    /// What differs.
    pub difference: String,
}

impl PodExplanation {
    /// Explains a decision about a Pod.
    pub fn new(config: &Config, pod: &PodView<'_>, decision: &Decision<'_>) -> Self {
        let report = Report::new(decision);
        let considered = |name: &str| report.entries.iter().any(|entry| entry.name == *name);
        let is_skipped = report.skipped.is_some();
        let unmatched = config
            .entries()
            .iter()
            .map(|entry| &entry.name)
            .filter(|name| !is_skipped && !considered(name));
        let is_matched = |image: &Image<'_>| {
            let place = image.place.to_string();
            report
                .entries
                .iter()
                .flat_map(|entry| &entry.images)
                .any(|matched| matched.place == place)
        };
        let explain_image = |image: Image<'_>| {
            ImageExplanation::new(config, &image, !is_skipped && !is_matched(&image))
        };
        Self {
            images: pod.images().map(explain_image).collect(),
            unmatched: unmatched.map(ToString::to_string).collect(),
            lacks_labels: decision.lacks_labels(),
            report,
            ..Self::default()
        }
    }
}

impl ImageExplanation {
    fn new(config: &Config, image: &Image<'_>, is_unmatched: bool) -> Self {
        let reference = Reference::parse(image.text);
        let near_miss = match &reference {
            Ok(reference) if is_unmatched => {
                nearest(config, reference).map(|(entry, near)| NearMissExplanation {
                    entry: entry.name.to_string(),
                    pattern: near.pattern.to_string(),
                    difference: near.difference.to_string(),
                })
            }
            _ => None,
        };
        Self {
            place: image.place.to_string(),
            image: image.text.to_owned(),
            error: reference.as_ref().err().map(ToString::to_string),
            reference: reference.ok().map(|reference| reference.to_string()),
            near_miss,
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pods.is_empty() {
            writeln!(f, "There is no Pod and no Pod template in it.")?;
        }
        for (position, pod) in self.pods.iter().enumerate() {
            if position > 0 {
                writeln!(f)?;
            }
            pod.fmt(f)?;
        }
        match self.mode {
            Mode::Enforce => Ok(()),
            Mode::Observe => writeln!(
                f,
                "\n{WARNING}mode: observe{WARNING:#}: the webhook would decide this and patch nothing"
            ),
        }
    }
}

impl fmt::Display for PodExplanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{TITLE}{}{TITLE:#}", printable(&self.object))?;
        writeln!(
            f,
            "  namespace  {} {FAINT}({}){FAINT:#}",
            printable(&self.namespace),
            self.namespace_source
        )?;
        self.fmt_images(f)?;
        self.fmt_entries(f)?;
        self.fmt_result(f)
    }
}

impl PodExplanation {
    fn fmt_images(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  images")?;
        let width = self.images.iter().map(|image| image.place.len()).max().unwrap_or(0);
        let text_width = self
            .images
            .iter()
            .map(|image| printable(&image.image).chars().count())
            .max()
            .unwrap_or(0);
        for image in &self.images {
            write!(f, "    {:width$}  {:text_width$}  ", image.place, printable(&image.image))?;
            match (&image.reference, &image.error) {
                (Some(reference), _) => writeln!(f, "{FAINT}= {reference}{FAINT:#}")?,
                (None, error) => writeln!(
                    f,
                    "{WARNING}no valid reference{WARNING:#}: {}",
                    error.as_deref().unwrap_or_default()
                )?,
            }
            if let Some(near) = &image.near_miss {
                let NearMissExplanation { entry, pattern, difference } = near;
                writeln!(
                    f,
                    "    {:width$}  {HINT}did you mean{HINT:#} `{pattern}` of {entry}? it {difference}",
                    ""
                )?;
            }
        }
        Ok(())
    }

    fn fmt_entries(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(skipped) = &self.report.skipped {
            return writeln!(f, "  left as it is: {skipped}");
        }
        writeln!(f, "  entries")?;
        for entry in &self.report.entries {
            let (style, word) =
                if entry.applies { (GOOD, "applies") } else { (WARNING, "does not apply") };
            writeln!(
                f,
                "    {TITLE}{}{TITLE:#} {style}{word}{style:#}: {}",
                entry.name, entry.reason
            )?;
            for image in &entry.images {
                write!(f, "      {}: matched pattern `{}`", image.place, image.pattern)?;
                match &image.left_out_by {
                    Some(except) => {
                        writeln!(f, ", but left out by `exceptImages` pattern `{except}`")?;
                    }
                    None => writeln!(f)?,
                }
            }
            for secret in &entry.pull_secrets {
                write!(f, "      pull secret {}: {}", secret.name, secret.state)?;
                match &entry.source {
                    Some(source) => writeln!(f, ", a copy of the Secret {source}")?,
                    None => writeln!(f)?,
                }
            }
            for credential in self.credentials.iter().filter(|it| it.entry == entry.name) {
                write!(f, "{credential}")?;
            }
        }
        match (self.unmatched.len(), self.report.entries.is_empty()) {
            (0, _) => Ok(()),
            (_, true) => writeln!(f, "    none matches an image: {}", few(&self.unmatched)),
            (_, false) => writeln!(f, "    no image matches {}", few(&self.unmatched)),
        }
    }

    fn fmt_result(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.lacks_labels {
            writeln!(
                f,
                "  {HINT}labels needed{HINT:#}: give the namespace's labels with --namespace-labels key=value,...; \
                 `kubectl get namespace {} --show-labels` shows them",
                printable(&self.namespace)
            )?;
        }
        match &self.report.added[..] {
            [] => writeln!(f, "  adds nothing"),
            names => writeln!(
                f,
                "  adds {}: {GOOD}{}{GOOD:#}",
                counted(names.len(), "pull secret"),
                names.join(", ")
            ),
        }
    }
}

/// The first of the names, and how many there are beyond.
fn few(names: &[String]) -> String {
    const SHOWN: usize = 10;
    let shown = names[..names.len().min(SHOWN)].join(", ");
    match names.len().checked_sub(SHOWN) {
        None | Some(0) => shown,
        Some(more) => format!("{shown}, and {more} more"),
    }
}
