//! The kubelet's own reading of image names, by the program in `reference-oracle`.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use serde::Deserialize;

use crate::programs;

/// What the kubelet reads. The tag is the effective one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Reading {
    pub domain: String,
    pub path: String,
    pub tag: Option<String>,
    pub digest: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Refusal { error: String },
    Reading(Reading),
}

/// Asks for all images at once; the answers are in the same order, an `Err` has the kubelet's words.
pub fn parse(images: &[String]) -> Vec<Result<Reading, String>> {
    let mut oracle = Command::new(programs::path("reference-oracle"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("reference-oracle starts");
    let mut stdin = oracle.stdin.take().expect("stdin is piped");
    let questions: Vec<String> =
        images.iter().map(|image| serde_json::Value::from(image.as_str()).to_string()).collect();
    let questions = questions.join("\n");
    let writer = std::thread::spawn(move || stdin.write_all(questions.as_bytes()));
    let output = oracle.wait_with_output().expect("reference-oracle ends");
    writer.join().expect("the writer does not panic").expect("reference-oracle reads all images");
    assert!(output.status.success(), "reference-oracle: {}", output.status);
    let answers: Vec<_> = String::from_utf8(output.stdout)
        .expect("reference-oracle writes UTF-8")
        .lines()
        .map(answer)
        .collect();
    assert_eq!(answers.len(), images.len(), "one answer an image");
    answers
}

fn answer(line: &str) -> Result<Reading, String> {
    match serde_json::from_str(line) {
        Ok(Answer::Reading(reading)) => Ok(reading),
        Ok(Answer::Refusal { error }) => Err(error),
        Err(error) => panic!("not an answer of reference-oracle ({error}): {line}"),
    }
}
