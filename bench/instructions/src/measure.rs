//! One case under callgrind.
//!
//! A case runs a few times in one process and many times in another. The difference, divided, is what one more time costs:
//! start, warming up and end are in both, and no marks are needed in the program.

use std::{env, fs, path::Path, process::Command};

/// Where callgrind writes, from the root of the repository.
const FOLDER: &str = "target/instructions";
/// Until buffers have grown, caches are filled and the runtime has settled.
const FEW: u64 = 20;
/// So many more that what differs from time to time evens out.
const MORE: u64 = 100;

/// The instructions that one more time of a case takes.
pub fn count(case: &str) -> u64 {
    let few = total(case, FEW);
    (total(case, FEW + MORE) - few) / MORE
}

fn total(case: &str, times: u64) -> u64 {
    fs::create_dir_all(FOLDER).expect("the folder for callgrind's files can be made");
    let out = Path::new(FOLDER).join(format!("{case}.out"));
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(env::current_exe().expect("this program has a path"))
        .args([case, &times.to_string()])
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .output()
        .unwrap_or_else(|error| panic!("start valgrind: {error}; install Debian's valgrind"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the case {case} failed under valgrind: {said}");
    let written = fs::read_to_string(&out).expect("callgrind has written its file");
    let totals = written.lines().find_map(|line| line.strip_prefix("totals: "));
    totals.and_then(|totals| totals.trim().parse().ok()).unwrap_or_else(|| {
        panic!("{} has no line `totals: COUNT`", out.display());
    })
}
