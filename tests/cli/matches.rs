use super::run::{CONFIG, config, file, pullpass};
use insta::assert_snapshot;
use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Write},
    os::unix::ffi::OsStrExt,
};

fn json(lines: &[u8]) -> String {
    pullpass(&["match", "--config", CONFIG, "-o", "json", "-"]).stdin(lines).run().done()
}

#[test]
fn json_is_one_object_a_line_in_the_order_of_the_contract() {
    let digest = "a".repeat(64);
    let input = format!("gcr.io/my-project/a\nnginx:1.27@sha256:{digest}\nGCR.IO/my-project/a\n");
    let expected = format!(
        r#"{{"image":"gcr.io/my-project/a","reference":{{"domain":"gcr.io","path":"my-project/a","tag":"latest","digest":null}},"registries":[{{"name":"my-project","pattern":"gcr.io/my-project/*"}}],"pullSecrets":["my-project-pull"]}}
{{"image":"nginx:1.27@sha256:{digest}","reference":{{"domain":"docker.io","path":"library/nginx","tag":"1.27","digest":"sha256:{digest}"}},"registries":[],"pullSecrets":[]}}
{{"image":"GCR.IO/my-project/a","reference":{{"domain":"GCR.IO","path":"my-project/a","tag":"latest","digest":null}},"registries":[],"pullSecrets":[]}}
"#
    );
    assert_eq!(json(input.as_bytes()), expected);
}

#[test]
fn lf_or_crlf_ends_a_line_and_nothing_else_is_trimmed() {
    let images = |input: &[u8]| -> Vec<String> {
        let answers = json(input);
        let image = |line: &str| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["image"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        answers.lines().map(image).collect()
    };
    assert_eq!(images(b""), [""; 0]);
    assert_eq!(images(b"a\r\nb\n\n c \t\nd\r\r\ne"), ["a", "b", "", " c \t", "d\r", "e"]);
    assert_eq!(images(b"a\r"), ["a\r"]);
    assert_eq!(images(b"\n"), [""]);
}

#[test]
fn bytes_that_are_not_utf_8_are_an_invalid_reference() {
    let invalid = "{\"image\":\"gcr.io/\u{fffd}\",\"reference\":null,\"error\":\"the reference is not UTF-8\",\"registries\":[],\"pullSecrets\":[]}\n";
    let answers = json(b"gcr.io/\xff\ngcr.io/my-project/a\n");
    assert!(answers.starts_with(invalid) && answers.lines().count() == 2, "{answers}");
    let call = pullpass(&["match", "--config", CONFIG, "-o", "json"]);
    assert_eq!(call.arg(OsStr::from_bytes(b"gcr.io/\xff")).run().done(), invalid);
}

#[test]
fn an_invalid_reference_says_why_and_matches_nothing_even_under_a_star() {
    let star = file(&config("", "").replace("gcr.io/a/*", "\"*\""));
    let answer =
        pullpass(&["match", "-o", "json", "A", "a", "--config"]).arg(star.path()).run().done();
    assert_eq!(
        answer,
        "{\"image\":\"A\",\"reference\":null,\"error\":\"the repository has an upper-case letter\",\"registries\":[],\"pullSecrets\":[]}\n\
         {\"image\":\"a\",\"reference\":{\"domain\":\"docker.io\",\"path\":\"library/a\",\"tag\":\"latest\",\"digest\":null},\"registries\":[{\"name\":\"a\",\"pattern\":\"*\"}],\"pullSecrets\":[\"a\"]}\n"
    );
}

#[test]
fn pull_secrets_are_in_the_order_of_the_entries_and_none_twice() {
    let more = "    pullSecrets: [x, y]\n  - name: b\n    images: [\"*\", gcr.io/a/b]\n    pullSecrets: [y, z]\n  - name: c\n    images: [gcr.io/*]\n    exceptImages: [gcr.io/a/*]\n";
    let config = file(&config("", more));
    let answer = pullpass(&["match", "-o", "json", "gcr.io/a/b", "--config"])
        .arg(config.path())
        .run()
        .done();
    assert!(answer.ends_with(
        "\"registries\":[{\"name\":\"a\",\"pattern\":\"gcr.io/a/*\"},{\"name\":\"b\",\"pattern\":\"*\"}],\"pullSecrets\":[\"x\",\"y\",\"z\"]}\n"
    ), "{answer}");
}

#[test]
fn text_is_for_people() {
    let images = [
        "gcr.io/my-project/app:1.2",
        "gcr.io/my-project/public/app",
        "docker.io/my-orgg/app",
        "GCR.IO/my-project/app",
        "nginx",
        "No Reference\u{1b}[31m",
    ];
    let args = [&["match", "--config", CONFIG][..], &images].concat();
    assert_snapshot!(pullpass(&args).run().done());
}

#[test]
fn each_line_is_answered_before_the_next_is_awaited() {
    let mut child = pullpass(&["match", "--config", CONFIG, "-o", "json", "-"]).spawn();
    let mut stdin = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    for image in ["gcr.io/a", "gcr.io/b"] {
        writeln!(stdin, "{image}").unwrap();
        assert!(answers.next().unwrap().unwrap().contains(image));
    }
    drop(stdin);
    assert!(answers.next().is_none() && child.wait().unwrap().success());
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let mut child = pullpass(&["match", "--config", CONFIG, "-o", "json", "-"]).spawn();
    let mut stdin = child.stdin.take().unwrap();
    drop(child.stdout.take());
    while stdin.write_all(b"gcr.io/my-project/a\n").is_ok() {}
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]));
}

#[test]
fn many_lines_are_answered_in_order() {
    let input =
        (0..100_000).map(|i| format!("gcr.io/my-project/a{i}")).collect::<Vec<_>>().join("\n");
    let answers = json(input.as_bytes());
    assert_eq!(answers.lines().count(), 100_000);
    assert!(
        answers.lines().enumerate().all(|(i, line)| line.contains(&format!("my-project/a{i}\"")))
    );
}
