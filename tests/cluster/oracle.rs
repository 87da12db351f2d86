//! The kubelet's own reading of image names and pull secrets, by the program in `reference-oracle`.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use base64::{Engine, prelude::BASE64_STANDARD as STANDARD};
use serde::{Deserialize, Serialize, Serializer, de::DeserializeOwned};

use crate::programs;

/// What the kubelet reads. The tag is the effective one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Reading {
    pub domain: String,
    pub path: String,
    pub tag: Option<String>,
    pub digest: Option<String>,
}

/// A Secret, and the images that are pulled with it.
#[derive(Debug, Serialize)]
pub struct Pulls {
    #[serde(rename = "type")]
    pub secret_type: &'static str,
    #[serde(serialize_with = "as_base64")]
    pub content: String,
    pub images: Vec<String>,
}

/// User name and password.
pub type Credential = (String, String);

#[derive(Deserialize)]
#[serde(untagged)]
enum Answer<T> {
    Refusal { error: String },
    Given(T),
}

#[derive(Deserialize)]
struct Lookups {
    credentials: Vec<Vec<[String; 2]>>,
}

/// Asks for all images at once; the answers are in the same order, an `Err` has the kubelet's words.
pub fn parse(images: &[String]) -> Vec<Result<Reading, String>> {
    ask(images)
}

/// What the kubelet tries for each image of each Secret, in its order; an `Err` where the Secret
/// fails every pull.
pub fn look_up(pulls: &[Pulls]) -> Vec<Result<Vec<Vec<Credential>>, String>> {
    let read = |[username, password]: [String; 2]| (from_base64(&username), from_base64(&password));
    let of_image = |tried: Vec<_>| tried.into_iter().map(read).collect();
    let of_secret = |lookups: Lookups| lookups.credentials.into_iter().map(of_image).collect();
    ask::<Lookups>(pulls).into_iter().map(|answer| answer.map(of_secret)).collect()
}

fn ask<T: DeserializeOwned>(questions: &[impl Serialize]) -> Vec<Result<T, String>> {
    let mut oracle = Command::new(programs::path("reference-oracle"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("reference-oracle starts");
    let mut stdin = oracle.stdin.take().expect("stdin is piped");
    let line = |question| serde_json::to_string(question).expect("a question is JSON");
    let lines = questions.iter().map(line).collect::<Vec<_>>().join("\n");
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = oracle.wait_with_output().expect("reference-oracle ends");
    writer.join().expect("the writer does not panic").expect("reference-oracle reads everything");
    assert!(output.status.success(), "reference-oracle: {}", output.status);
    let answers: Vec<_> = String::from_utf8(output.stdout)
        .expect("reference-oracle writes UTF-8")
        .lines()
        .map(answer)
        .collect();
    assert_eq!(answers.len(), questions.len(), "one answer a question");
    answers
}

fn answer<T: DeserializeOwned>(line: &str) -> Result<T, String> {
    match serde_json::from_str(line) {
        Ok(Answer::Given(answer)) => Ok(answer),
        Ok(Answer::Refusal { error }) => Err(error),
        Err(error) => panic!("not an answer of reference-oracle ({error}): {line}"),
    }
}

fn as_base64<S: Serializer>(content: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(content))
}

fn from_base64(text: &str) -> String {
    let bytes = STANDARD.decode(text).expect("reference-oracle writes base64");
    String::from_utf8_lossy(&bytes).into_owned()
}
