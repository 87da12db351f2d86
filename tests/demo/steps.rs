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
    /// The Event of the kubelet that could not pull is there.
    RefusalIsTold,
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
        says: "A node, with a real kubelet, containerd and runc. It can reach one registry, which demands a password.",
        when: When::AtOnce,
        commands: &[command("kubectl get nodes", &[&["node1", " Ready "]])],
    },
    Step {
        says: "Pullpass is installed: the manifests as they are, and the image that `make image` makes, which is on the node.",
        when: When::AtOnce,
        commands: &[
            command(
                "kubectl apply -k deploy/overlays/cluster-wide",
                &[&["mutatingwebhookconfiguration", "/pullpass created"]],
            ),
            command(
                "kubectl -n pullpass-system rollout status deployment/pullpass-controller --timeout=2m",
                &[&["successfully rolled out"]],
            ),
            command(
                "kubectl -n pullpass-system rollout status deployment/pullpass-webhook --timeout=2m",
                &[&["successfully rolled out"]],
            ),
        ],
    },
    Step {
        says: "The admin's table grants the images of registry.example.com/team to one namespace of two. Its source is a Secret, \
               which the controller copies there.",
        when: When::AtOnce,
        commands: &[
            command("kubectl create namespace team-a", &[]),
            command("kubectl create namespace team-b", &[]),
            command(
                "kubectl -n pullpass-system create secret docker-registry team --docker-server=registry.example.com \
                 --docker-username=user --docker-password='right password'",
                &[],
            ),
            command("cat tests/demo/table.yaml", &[&["names: [team-a]"]]),
            command(
                "kubectl apply -f tests/demo/table.yaml",
                &[&["configmap/pullpass configured"]],
            ),
            command(
                "kubectl -n team-a wait --for=create secret/team --timeout=30s",
                &[&["secret/team condition met"]],
            ),
        ],
    },
    Step {
        says: "The same private image in both namespaces: it runs in the one, and cannot be pulled in the other.",
        when: When::PodsCanBeCreated { tables: 2 },
        commands: &[
            command("kubectl -n team-a run app --image=registry.example.com/team/app:1", &[]),
            command("kubectl -n team-b run app --image=registry.example.com/team/app:1", &[]),
            command("kubectl -n team-a wait --for=condition=Ready pod/app --timeout=60s", &[]),
            command(
                "kubectl -n team-b wait --for=jsonpath='{.status.containerStatuses[0].state.waiting.message}' \
                 pod/app --timeout=60s",
                &[],
            ),
            command(
                "kubectl get pods -A -l run=app",
                // ErrImagePull, or ImagePullBackOff.
                &[&["team-a", "1/1", "Running"], &["team-b", "0/1", "ImagePull"]],
            ),
        ],
    },
    Step {
        says: "Nobody wrote a pull secret into the Pods. The webhook put its name on the one, and its copy is there.",
        when: When::AtOnce,
        commands: &[
            command(
                "kubectl get pods -A -l run=app -o custom-columns=\
                 'NAMESPACE:.metadata.namespace,POD:.metadata.name,PULL SECRETS:.spec.imagePullSecrets[*].name'",
                &[&["team-a", "app", " team"], &["team-b", "app", "<none>"]],
            ),
            command(
                "kubectl get secrets -A -l pullpass.io/copy=true",
                &[&["team-a", "team", "kubernetes.io/dockerconfigjson"]],
            ),
        ],
    },
    Step {
        says: "Why? `explain` tells of each Pod what the table says to it.",
        when: When::AtOnce,
        commands: &[command(
            "kubectl get pods -A -l run=app -o yaml | pullpass explain --config tests/demo/table.yaml -f -",
            &[
                &["team applies", "namespace granted"],
                &["pull secret team", "a copy of the Secret team"],
                &["team does not apply", "namespace not granted"],
            ],
        )],
    },
    Step {
        says: "What the registry answered to the one that has no secret. `status` tells the admin, by its exit code 1 too.",
        when: When::RefusalIsTold,
        commands: &[
            command(
                "kubectl -n team-b events --for pod/app | grep 'Failed to pull'",
                &[&["registry.example.com/team/app:1", "no basic auth credentials"]],
            ),
            Command {
                line: "pullpass status",
                exits: 1,
                shows: &[
                    &["problem", "team-b/app", "namespace not granted"],
                    &["0 copies missing or outdated, 1 problem"],
                ],
            },
        ],
    },
    Step {
        says: "One edit of the table grants the other namespace too.",
        when: When::AtOnce,
        commands: &[
            command(
                "sed 's/team-a/team-a, team-b/' tests/demo/table.yaml | kubectl apply -f -",
                &[&["configmap/pullpass configured"]],
            ),
            command(
                "kubectl -n team-b wait --for=create secret/team --timeout=30s",
                &[&["secret/team condition met"]],
            ),
        ],
    },
    Step {
        says: "The pull secrets of a Pod are fixed once it is created. Made anew, it runs.",
        when: When::PodsCanBeCreated { tables: 3 },
        commands: &[
            command("kubectl -n team-b delete pod app", &[]),
            command("kubectl -n team-b run app --image=registry.example.com/team/app:1", &[]),
            command("kubectl -n team-b wait --for=condition=Ready pod/app --timeout=60s", &[]),
            command(
                "kubectl get pods -A -l run=app",
                &[&["team-a", "1/1", "Running"], &["team-b", "1/1", "Running"]],
            ),
            command("pullpass status", &[&["all copies are in place"]]),
        ],
    },
];
