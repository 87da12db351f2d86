//! Tests on a real control plane: etcd, kube-apiserver and kube-controller-manager on loopback, built
//! from the Go modules that `go.mod` in this folder pins.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a part of the fixture that cannot do its work fails the test, and says why"
)]

mod audit;
mod chance;
mod cluster;
mod control_plane;
mod controller;
mod controller_writes;
mod copying;
mod deployed;
mod docker_config;
mod endpoint;
mod eventually;
mod fence;
mod forwarder;
mod gate;
mod in_force;
mod installed;
mod kept_connection;
mod kubectl;
mod managed;
mod manifests;
mod meddled;
mod namespace;
mod oci_layout;
mod oracle;
mod pki;
mod plain_http;
mod pod_stream;
mod pods;
mod ports;
mod programs;
mod recipe;
mod registry;
mod reviewer;
mod run_folder;
mod running;
mod served;
mod shared_secrets;
mod shell;
mod sidecar_injector;
mod supervised;
mod sweep;
mod token_issuer;
mod tried;
mod turn;
mod upkeep;
mod watching;
mod webhook;
mod workloads;

mod api_server_away;
mod audit_annotations;
mod ca_bundle;
mod canaries;
mod certificate_secret;
mod certificate_verified;
mod changing_hands;
mod client_certificate;
mod clock_skew;
mod configuration_followed;
mod configuration_refused;
mod controller_rights;
mod controller_usage;
mod copies;
mod copies_foreign;
mod copies_interrupted;
mod copies_model;
mod credentials;
mod deployments;
mod documented;
mod exclusions;
mod external;
mod fail_closed;
mod failing_requests;
mod fenced_work;
mod first_pod;
mod import;
mod injection;
mod installation;
mod interrupted;
mod issued_once;
mod issuer;
mod leader_election;
mod made_credentials;
mod managed_faults;
mod migration;
#[path = "../tokens/ecr/moto.rs"]
mod moto;
mod mountable_secrets;
mod mounted_files;
mod no_api_calls;
mod probes;
mod pulls;
mod reapplied;
mod recipes;
mod references;
mod registry_pages;
mod reinvocation;
mod rights;
mod rights_to_copy;
mod rolling_restart;
mod rotation_under_load;
mod scope;
mod smoke;
mod static_kinds;
mod stolen_token;
mod stuck_pods;
mod takeover;
mod timely;
mod tokens;
mod webhook_down;
mod webhook_process;
mod workload_pods;
