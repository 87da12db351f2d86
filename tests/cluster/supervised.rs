//! A program that cannot outlive the test process, however that one ends.

use std::{
    ffi::OsString,
    fs,
    io::Write,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
};

const SUPERVISOR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster/supervise.sh");

/// A running program. Dropping it kills the program.
#[derive(Debug)]
pub struct Supervised {
    supervisor: Child,
    /// The supervisor's stdin. The kernel closes it with the test process, and then the program dies.
    leash: Option<ChildStdin>,
    log: PathBuf,
}

/// What to run, and where its traces go.
#[derive(Debug, Default)]
pub struct Program {
    /// The executable and its arguments.
    pub command: Vec<OsString>,
    /// Environment variables beside those of the test process.
    pub environment: Vec<(String, String)>,
    /// The file that receives stdout and stderr.
    pub log: PathBuf,
    /// A folder of the program's own that is removed when it has ended.
    pub scratch: PathBuf,
    /// A command line of the shell's that is run when the program has ended, however it did.
    pub last: OsString,
}

impl Supervised {
    /// Starts the program.
    pub fn start(program: &Program) -> Self {
        let mut supervisor = Command::new("sh")
            .arg(SUPERVISOR)
            .args([&program.log, &program.scratch])
            .arg(&program.last)
            .args(&program.command)
            .envs(program.environment.iter().cloned())
            // Its own group: Ctrl-C is for the test process, whose end then ends the program.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {:?}: {error}", program.command));
        Self { leash: supervisor.stdin.take(), supervisor, log: program.log.clone() }
    }

    /// Sends a signal by its name without SIG, such as `TERM`.
    pub fn signal(&mut self, name: &str) {
        let leash = self.leash.as_mut().expect("the leash is held until drop");
        writeln!(leash, "{name}").unwrap_or_else(|error| panic!("cannot signal {name}: {error}"));
    }

    /// How the program ended, if it did. Death by signal N is exit code 128 + N.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.supervisor.try_wait().expect("the supervisor is a child of this process")
    }

    /// All that the program has written to stdout and stderr.
    pub fn log(&self) -> String {
        read_lossy(&self.log)
    }

    /// The end of the log, for the message of a failure.
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(25)..].join("\n");
        format!("the end of {}:\n{tail}", self.log.display())
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        drop(self.leash.take());
        // Nothing can be done about a supervisor that cannot be waited for.
        let _ = self.supervisor.wait();
    }
}

fn read_lossy(path: &Path) -> String {
    match fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => format!("({}: {error})", path.display()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::eventually::eventually;

    const SOON: Duration = Duration::from_secs(10);

    fn shell(folder: &Path, script: &str) -> Supervised {
        let scratch = folder.join("scratch");
        fs::create_dir(&scratch).unwrap();
        Supervised::start(&Program {
            command: ["sh", "-c", script].map(Into::into).into(),
            environment: vec![("WORD".into(), "hello".into())],
            log: folder.join("log"),
            scratch,
            last: "echo gone".into(),
        })
    }

    async fn says_its_pid(program: &Supervised) -> String {
        eventually("the first line", SOON, async || {
            program.log().strip_suffix('\n').map(String::from)
        })
        .await
    }

    #[tokio::test]
    async fn the_end_of_the_leash_kills_the_program_and_removes_its_scratch() {
        let folder = tempfile::tempdir().unwrap();
        let program = shell(folder.path(), "echo $$; exec sleep 1000");
        let pid = says_its_pid(&program).await;

        drop(program);

        assert!(!Path::new("/proc").join(pid).exists());
        assert!(!folder.path().join("scratch").exists());
    }

    #[tokio::test]
    async fn signals_reach_the_program_and_its_exit_code_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let script = "trap 'exit 7' TERM; echo $$; while :; do sleep 0.05; done";
        let mut program = shell(folder.path(), script);
        says_its_pid(&program).await;

        program.signal("TERM");

        let status = eventually("the end", SOON, async || program.exited()).await;
        assert_eq!(status.code(), Some(7));
    }

    #[tokio::test]
    async fn the_program_has_its_environment_and_log() {
        let folder = tempfile::tempdir().unwrap();
        let mut program = shell(folder.path(), "echo $WORD; echo oops >&2");

        let status = eventually("the end", SOON, async || program.exited()).await;

        assert!(status.success());
        assert_eq!(program.log(), "hello\noops\ngone\n");
    }
}
