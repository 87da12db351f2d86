//! Workloads of the tests. Their Pods are labelled `app=NAME`.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::{
        apps::v1::{Deployment, DeploymentSpec},
        batch::v1::{CronJob, CronJobSpec, Job, JobSpec, JobTemplateSpec},
        core::v1::{Pod, PodTemplateSpec},
    },
    apimachinery::pkg::apis::meta::v1::LabelSelector,
};
use kube::api::ObjectMeta;

/// A Deployment of one replica.
pub fn deployment(name: &str, pod: &Pod) -> Deployment {
    Deployment {
        metadata: named(name),
        spec: DeploymentSpec {
            selector: LabelSelector { match_labels: Some(app(name)), ..Default::default() },
            template: template(name, pod),
            ..Default::default()
        },
        status: None,
    }
}

/// A Job that runs once.
pub fn job(name: &str, pod: &Pod) -> Job {
    Job { metadata: named(name), spec: Some(job_spec(name, pod)), status: None }
}

/// A CronJob of every minute; `Namespace::make_due` spares the wait.
pub fn cron_job(name: &str, pod: &Pod) -> CronJob {
    CronJob {
        metadata: named(name),
        spec: CronJobSpec {
            schedule: "* * * * *".into(),
            job_template: JobTemplateSpec { metadata: None, spec: Some(job_spec(name, pod)) },
            ..Default::default()
        },
        status: None,
    }
}

fn job_spec(name: &str, pod: &Pod) -> JobSpec {
    let mut template = template(name, pod);
    if let Some(spec) = &mut template.spec {
        spec.restart_policy = Some("Never".into());
    }
    JobSpec { template, ..Default::default() }
}

fn template(name: &str, pod: &Pod) -> PodTemplateSpec {
    let mut labels = pod.metadata.labels.clone().unwrap_or_default();
    labels.extend(app(name));
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(labels),
            annotations: pod.metadata.annotations.clone(),
            ..Default::default()
        }),
        spec: pod.spec.clone(),
    }
}

fn named(name: &str) -> ObjectMeta {
    ObjectMeta { name: Some(name.into()), ..Default::default() }
}

fn app(name: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("app".into(), name.into())])
}
