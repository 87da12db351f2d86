//! The serving certificate from files that change under a running server.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::client::{Client, review};
use crate::site::{Site, eventually, new_certificate};
use pullpass::pki::{SelfSigned, self_signed};
use pullpass::telemetry::metrics::Load;
use pullpass::tls::PairWatch;
use tempfile::TempDir;

const EVERY: Duration = Duration::from_millis(20);

/// A site that follows `tls.crt` and `tls.key` in a directory.
struct Followed {
    site: Site,
    dir: TempDir,
}

impl Followed {
    async fn start(every: Duration, prepare: impl FnOnce(&Path)) -> Self {
        let site = Site::start_bare(|_| {}).await;
        let dir = tempfile::tempdir().unwrap();
        prepare(dir.path());
        let (metrics, serving) = (Arc::clone(&site.metrics), Arc::clone(&site.certificate));
        let (certificate, key) = (dir.path().join("tls.crt"), dir.path().join("tls.key"));
        let mut pair = PairWatch::new(certificate, key, every);
        tokio::spawn(async move {
            loop {
                let outcome = pair.changed().await.and_then(|loaded| {
                    loaded.check_time(SystemTime::now())?;
                    Ok(loaded)
                });
                match outcome {
                    Ok(loaded) => serving.accept(&loaded, "files", &metrics),
                    Err(error) => serving.refuse(&error, "files", &metrics),
                }
            }
        });
        Self { site, dir }
    }

    fn loads(&self, result: Load) -> u64 {
        self.site.metrics.tls.loads.get(result)
    }

    async fn reaches(&self, result: Load, count: u64) {
        eventually(&format!("{result:?} {count} times"), || self.loads(result) >= count).await;
        assert_eq!(self.loads(result), count);
    }

    async fn serves(&self, issued: &SelfSigned) {
        let mut client = Client::tls(self.site.address, &issued.ca_pem).await;
        assert_eq!(client.ask(review("{}")).await.status, 200);
    }
}

fn write(dir: &Path, issued: &SelfSigned) {
    fs::write(dir.join("tls.crt"), &issued.pair.certificate_pem).unwrap();
    fs::write(dir.join("tls.key"), issued.pair.key_pem.expose()).unwrap();
}

#[tokio::test]
async fn fault_25_the_last_good_certificate_stays_whatever_is_written() {
    let good = new_certificate();
    let followed = Followed::start(EVERY, |dir| write(dir, &good)).await;
    followed.reaches(Load::Loaded, 1).await;
    followed.serves(&good).await;
    let not_after = followed.site.metrics.tls.not_after.get();
    assert!(not_after > 0);

    let mut mismatched = new_certificate();
    mismatched.pair.key_pem = new_certificate().pair.key_pem;
    let past = SystemTime::now() - Duration::from_secs(30 * 86_400);
    let expired =
        self_signed(&["pullpass.test".to_owned()], past, Duration::from_secs(60)).unwrap();
    let mut corrupt = new_certificate();
    corrupt.pair.certificate_pem.truncate(300);
    let mut huge = new_certificate();
    huge.pair.certificate_pem = huge.pair.certificate_pem.repeat(1000);

    for (count, bad) in (1..).zip([mismatched, expired, corrupt, huge]) {
        write(followed.dir.path(), &bad);
        followed.reaches(Load::Refused, count).await;
        followed.serves(&good).await;
    }
    fs::remove_file(followed.dir.path().join("tls.key")).unwrap();
    followed.reaches(Load::Refused, 5).await;
    followed.serves(&good).await;
    assert_eq!(followed.site.metrics.tls.not_after.get(), not_after);

    let next = new_certificate();
    write(followed.dir.path(), &next);
    followed.reaches(Load::Loaded, 2).await;
    followed.serves(&next).await;
}

#[tokio::test]
async fn fault_25_a_half_written_pair_is_not_reported() {
    let (first, second) = (new_certificate(), new_certificate());
    let every = Duration::from_millis(300);
    let followed = Followed::start(every, |dir| write(dir, &first)).await;
    followed.reaches(Load::Loaded, 1).await;
    fs::write(followed.dir.path().join("tls.crt"), &second.pair.certificate_pem).unwrap();
    tokio::time::sleep(every).await;
    fs::write(followed.dir.path().join("tls.key"), second.pair.key_pem.expose()).unwrap();
    followed.reaches(Load::Loaded, 2).await;
    followed.serves(&second).await;
    assert_eq!(followed.loads(Load::Refused), 0);
}

/// Lays files out as the kubelet does: links into `..data`, itself a link that is renamed over.
fn project(dir: &Path, version: &str, issued: &SelfSigned) {
    let data: PathBuf = dir.join(version);
    fs::create_dir(&data).unwrap();
    write(&data, issued);
    symlink(version, dir.join("..data_tmp")).unwrap();
    fs::rename(dir.join("..data_tmp"), dir.join("..data")).unwrap();
    for name in ["tls.crt", "tls.key"] {
        if !dir.join(name).exists() {
            symlink(Path::new("..data").join(name), dir.join(name)).unwrap();
        }
    }
}

#[tokio::test]
async fn fault_28_both_of_two_symlink_swaps_are_picked_up() {
    let versions = [new_certificate(), new_certificate(), new_certificate()];
    let followed = Followed::start(EVERY, |dir| project(dir, "..v0", &versions[0])).await;
    followed.reaches(Load::Loaded, 1).await;
    followed.serves(&versions[0]).await;
    for (count, name) in [(1, "..v1"), (2, "..v2")] {
        project(followed.dir.path(), name, &versions[count]);
        fs::remove_dir_all(followed.dir.path().join(format!("..v{}", count - 1))).unwrap();
        followed.reaches(Load::Loaded, count as u64 + 1).await;
        followed.serves(&versions[count]).await;
    }
    assert_eq!(followed.loads(Load::Refused), 0);
}
