//! Pullpass: the right pull secret for every Pod.
//!
//! The house, in the order in which data flows through it. The first rooms are pure: no I/O, no
//! clock, no cluster.
//!
//! | room | what it does |
//! |---|---|
//! | [`json`] | JSON of which little is read and most is skipped |
//! | [`glob`] | texts with `*` |
//! | [`image`] | references, patterns, the index over many patterns |
//! | [`credentials`] | docker configs as the kubelet reads them, and the images they serve |
//! | [`config`] | the configuration: parsed, checked, compiled |
//! | [`sources`] | the Secrets that pull secrets are copied from |
//! | [`inject`] | what a Pod says, the decision about it, the patch |
//! | [`pulls`] | Pods that cannot pull their images, and why |
//! | [`pki`] | issuing certificates |
//! | [`import`] | what a team has today, as entries and Secrets |
//! | [`registries`] | images looked up at their registries |
//! | [`webhook`] | AdmissionReviews in, answers out |
//! | [`controller`] | what looks after the webhook's certificate, one replica at a time |
//! | [`server`] | listeners, limits, readiness, orderly end |
//! | [`tls`] | the serving certificate |
//! | [`tokens`] | tokens of registries, asked of their issuers |
//! | [`cluster`] | watches of the configuration, the certificate and the namespaces |
//! | [`files`] | files that are followed while they change |
//! | [`telemetry`] | logs and metrics |
//! | [`cli`] | one file a subcommand |

// No panic is reachable from input. (Tests may panic, which is how they fail.)
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod cli;
pub mod cluster;
pub mod config;
pub mod controller;
pub mod credentials;
pub mod files;
pub mod glob;
pub mod image;
pub mod import;
pub mod inject;
pub mod json;
pub mod pki;
pub mod pulls;
pub mod registries;
pub mod server;
pub mod sources;
pub mod telemetry;
pub mod tls;
pub mod tokens;
pub mod webhook;
