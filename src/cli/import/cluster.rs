//! `pullpass import cluster`: the pull secrets of a whole cluster, which is only read.

use super::{
    super::connected,
    live::{pages, parse_namespace},
    now,
    report::ReportArgs,
};
use crate::{
    controller::request::RequestError,
    import::{Inventory, Plan, ReadSecret, Survey, User, pull_secrets_of},
};
use anyhow::Result;
use clap::{Args, builder::BoolishValueParser};
use k8s_openapi::api::core::v1::{Pod, Secret, ServiceAccount};
use kube::{Client, Resource, api::ListParams};
use std::{path::PathBuf, process::ExitCode};

/// Objects of one answer. Secrets may be large.
const PAGE: u32 = 500;
const SECRETS_OF_A_PAGE: u32 = 100;
/// The types of Secret that the kubelet takes pull credentials from.
const TYPES: [&str; 2] = ["kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg"];

/// Import the pull secrets of a cluster, and say what is used where.
///
/// Secrets with the same content become one entry, for the namespaces that have it today. What nobody
/// names is left out, as is what is named and absent, broken or expired. The cluster is only read: Secrets
/// of the two types of pull secrets, ServiceAccounts and Pods.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pullpass import cluster --out pullpass-import
  pullpass import cluster --namespace team-a,team-b -o json | jq '.leftOut[]'")]
pub struct FromCluster {
    /// Only these namespaces; otherwise all
    #[arg(short, long, value_name = "NS", env = "PULLPASS_NAMESPACE", value_delimiter = ',', value_parser = parse_namespace)]
    namespace: Vec<String>,
    /// Take over Secrets that no ServiceAccount and no Pod names, too
    #[arg(long, env = "PULLPASS_UNUSED", value_parser = BoolishValueParser::new())]
    unused: bool,
    /// The kubeconfig of the cluster [default: KUBECONFIG, ~/.kube/config, or the Pod's ServiceAccount]
    #[arg(long, value_name = "FILE", env = "PULLPASS_KUBECONFIG")]
    kubeconfig: Option<PathBuf>,
    #[command(flatten)]
    report: ReportArgs,
}

impl FromCluster {
    pub fn run(&self) -> Result<ExitCode> {
        let plan = connected::run(self.kubeconfig.as_deref(), async |client| {
            Ok(self.look(&client).await?)
        })?;
        self.report.print(&plan)
    }

    async fn look(&self, client: &Client) -> Result<Plan, RequestError> {
        let mut inventory = Inventory::default();
        let mut forbidden = Vec::new();
        for of_type in TYPES {
            let params = ListParams::default().fields(&format!("type={of_type}"));
            let take = |json: &str| {
                inventory.secret(ReadSecret::read(json)?);
                Ok(())
            };
            let limit = SECRETS_OF_A_PAGE;
            self.each::<Secret>(client, "Secrets", &params, limit, &mut forbidden, take).await?;
        }
        let saw_secrets = forbidden.is_empty();
        let params = ListParams::default();
        let mut saw = Vec::new();
        for kind in [User::ServiceAccount, User::Pod] {
            let before = forbidden.len();
            let take = |json: &str| {
                inventory.user(kind, pull_secrets_of(json)?);
                Ok(())
            };
            match kind {
                User::ServiceAccount => {
                    let what = "ServiceAccounts";
                    self.each::<ServiceAccount>(client, what, &params, PAGE, &mut forbidden, take)
                        .await?;
                }
                User::Pod => {
                    self.each::<Pod>(client, "Pods", &params, PAGE, &mut forbidden, take).await?;
                }
            }
            saw.extend((forbidden.len() == before).then_some(kind));
        }
        let survey = Survey { saw_secrets, saw: &saw, with_unused: self.unused, now: now() };
        let mut plan = survey.of(inventory);
        forbidden.dedup();
        let forbidden = forbidden.into_iter().map(|reason| {
            format!("{reason}; the rest was looked at. Ask for the right to list them, or name the namespaces that you may look at with --namespace")
        });
        plan.notes.splice(..0, forbidden);
        Ok(plan)
    }

    /// Lists in all namespaces, or in those that are named. What may not be listed goes to `forbidden`, and
    /// the rest goes on.
    async fn each<K: Resource<DynamicType = ()>>(
        &self,
        client: &Client,
        what: &str,
        params: &ListParams,
        limit: u32,
        forbidden: &mut Vec<String>,
        mut take: impl FnMut(&str) -> Result<(), crate::import::ObjectError>,
    ) -> Result<(), RequestError> {
        let named = self.namespace.iter().map(|name| Some(name.as_str()));
        let everywhere = self.namespace.is_empty().then_some(None);
        for namespace in named.chain(everywhere) {
            let object = match namespace {
                Some(namespace) => format!("{what} in {namespace}"),
                None => what.to_owned(),
            };
            let listed = pages::<K>(client, namespace, &object, params.clone(), limit, |items| {
                items.items.into_iter().try_for_each(|item| take(item.get()))
            })
            .await;
            match listed {
                Err(error @ RequestError::Refused { code: 403, .. }) => {
                    forbidden.push(error.to_string());
                }
                listed => listed?,
            }
        }
        Ok(())
    }
}
