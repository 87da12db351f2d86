//! Running the binary.

use std::{
    io::Write,
    process::{Command, Output, Stdio},
    thread,
};

pub const CONFIG: &str = "examples/config.yaml";

/// A call of the binary, in the repository's root, with no variables but those given.
pub struct Call {
    command: Command,
    stdin: Vec<u8>,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

pub fn pullpass(args: &[&str]) -> Call {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pullpass"));
    command.args(args).env_clear().current_dir(env!("CARGO_MANIFEST_DIR"));
    Call { command, stdin: Vec::new() }
}

impl Call {
    pub fn stdin(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.stdin = input.into();
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn arg(mut self, arg: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub fn spawn(mut self) -> std::process::Child {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        self.command.spawn().unwrap()
    }

    pub fn run(mut self) -> Outcome {
        let input = std::mem::take(&mut self.stdin);
        let mut child = self.spawn();
        let mut stdin = child.stdin.take().unwrap();
        // It need not read its input; what it then thinks of that shows in its exit code.
        let feeder = thread::spawn(move || drop(stdin.write_all(&input)));
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        feeder.join().unwrap();
        Outcome {
            code: status.code().unwrap(),
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
        }
    }
}

impl Outcome {
    /// Its standard output, if it was done without a word on standard error.
    pub fn done(self) -> String {
        assert_eq!((self.code, &*self.stderr), (0, ""), "{self:?}");
        self.stdout
    }

    /// Its standard error, if it failed and printed nothing.
    pub fn refused(self) -> String {
        assert_eq!((self.code, &*self.stdout), (1, ""), "{self:?}");
        self.stderr
    }
}

/// A configuration with one entry `a` for `gcr.io/a/*`, and more fields of the entry.
pub fn config(head: &str, more: &str) -> String {
    format!(
        "apiVersion: pullpass.io/v1\nkind: Config\n{head}registries:\n  - name: a\n    images: [gcr.io/a/*]\n{more}"
    )
}

/// A file in a directory that goes away with it.
pub fn file(content: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(content.as_bytes()).unwrap();
    file
}
