//! What the demonstration shows: the words of each step, the commands, and what they must print.

/// One step.
pub struct Step {
    /// Why it is taken.
    pub says: &'static str,
    /// What must be so before.
    pub when: When,
    pub commands: &'static [Command],
}

/// When a step is taken.
#[derive(Debug, Clone, Copy)]
pub enum When {
    AtOnce,
    /// The namespaces have their ServiceAccounts, and each replica of the webhook has taken so many versions of
    /// the table: a moment, in which a person types.
    PodsCanBeCreated {
        tables: u32,
    },
}

/// A command, as it is typed.
pub struct Command {
    pub line: &'static str,
    pub exits: i32,
    /// For each of these it prints a line that has all of the words.
    pub shows: &'static [&'static [&'static str]],
}

/// The private image, in the registry.
pub const IMAGE: &str = "team/app";
/// The namespaces: one that is granted the entry, and one that is not.
pub const NAMESPACES: [&str; 2] = ["team-a", "team-b"];

const fn command(line: &'static str, shows: &'static [&'static [&'static str]]) -> Command {
    Command { line, exits: 0, shows }
}

/// All of them, in order.
pub const STEPS: &[Step] = &[
    Step {
        says: "The node.",
        when: When::AtOnce,
        commands: &[command("kubectl get nodes -o wide", &[&["node1", " Ready "]])],
    },
    Step {
        says: "Pullpass is installed by its manifests as they are. Its image, made by `make image`, is on the node.",
        when: When::AtOnce,
        commands: &[
            command(
                "kubectl apply -k deploy/overlays/cluster-wide",
                &[&["mutatingwebhookconfiguration", "pullpass", "created"]],
            ),
            command(
                "kubectl -n pullpass-system rollout status deployment/pullpass-controller --timeout=2m",
                &[&["successfully rolled out"]],
            ),
            command(
                "kubectl -n pullpass-system rollout status deployment/pullpass-webhook --timeout=2m",
                &[&["successfully rolled out"]],
            ),
            command(
                "kubectl -n pullpass-system get pods",
                &[
                    &["pullpass-webhook", "1/1", "Running"],
                    &["pullpass-controller", "1/1", "Running"],
                ],
            ),
        ],
    },
    Step {
        says: "The admin's table: who may pull what. It grants team-a the images of registry.example.com/team.",
        when: When::AtOnce,
        commands: &[
            command("kubectl create namespace team-a", &[]),
            command("kubectl create namespace team-b", &[]),
            command(
                "kubectl -n pullpass-system create secret docker-registry team --docker-server=registry.example.com --docker-username=user --docker-password='right password'",
                &[],
            ),
            command("cat tests/demo/table.yaml", &[]),
            command(
                "kubectl apply -f tests/demo/table.yaml",
                &[&["configmap/pullpass configured"]],
            ),
            command(
                "kubectl -n team-a wait --for=create secret/team --timeout=30s",
                &[&["secret/team", "condition met"]],
            ),
        ],
    },
    Step {
        says: "The same Pod in both namespaces.",
        when: When::PodsCanBeCreated { tables: 2 },
        commands: &[
            command("kubectl -n team-a run app --image=registry.example.com/team/app:1", &[]),
            command("kubectl -n team-b run app --image=registry.example.com/team/app:1", &[]),
            command("kubectl -n team-a wait --for=condition=Ready pod/app --timeout=60s", &[]),
            command(
                "kubectl -n team-b wait --for=jsonpath='{.status.containerStatuses[0].state.waiting.message}' pod/app --timeout=60s",
                &[],
            ),
            command(
                "kubectl get pods -A -l run=app",
                &[&["team-a", "1/1", "Running"], &["team-b", "0/1", "ImagePull"]],
            ),
        ],
    },
    Step {
        says: "Why.",
        when: When::AtOnce,
        commands: &[
            command(
                "kubectl get pods -A -l run=app -o yaml | pullpass explain --config tests/demo/table.yaml -f -",
                &[],
            ),
            command(
                "kubectl -n team-a run app --image=registry.example.com/team/app:1 --dry-run=client -o yaml | pullpass explain --config tests/demo/table.yaml -f -",
                &[],
            ),
            Command { line: "pullpass status", exits: 1, shows: &[] },
            command("kubectl -n team-b events --for pod/app", &[]),
            command(
                r#"kubectl get pods -A -l run=app -o jsonpath='{range .items[*]}{.metadata.namespace}{": "}{.spec.imagePullSecrets}{"\n"}{end}'"#,
                &[],
            ),
            command("kubectl get secrets -A -l pullpass.io/copy=true", &[]),
        ],
    },
    Step {
        says: "One edit of the table.",
        when: When::AtOnce,
        commands: &[
            command(
                "sed 's/team-a/team-a, team-b/' tests/demo/table.yaml | kubectl apply -f -",
                &[],
            ),
            command("kubectl -n team-b wait --for=create secret/team --timeout=30s", &[]),
        ],
    },
    Step {
        says: "Delete and make.",
        when: When::PodsCanBeCreated { tables: 3 },
        commands: &[
            command("kubectl -n team-b delete pod app", &[]),
            command("kubectl -n team-b run app --image=registry.example.com/team/app:1", &[]),
            command("kubectl -n team-b wait --for=condition=Ready pod/app --timeout=60s", &[]),
            command(
                "kubectl get pods -A -l run=app",
                &[&["team-a", "1/1", "Running"], &["team-b", "1/1", "Running"]],
            ),
            command("pullpass status", &[]),
        ],
    },
];
