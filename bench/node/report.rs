//! The figures as a section of `bench/RESULTS.md`.

use std::collections::BTreeMap;

use crate::{
    common::{
        machine::{self, Machine},
        results::{row, spread},
        statistics::{seconds, thousands},
    },
    image::Image,
    memory::{Memory, Replica},
    options::Options,
    round::Round,
    side_by_side::Started,
};

/// Under this title it stands.
pub const TITLE: &str = "## On a real node";

/// The whole section.
pub fn section(options: &Options, machine: &Machine, image: &Image, rounds: &[Round]) -> String {
    let on = rounds.first().map_or("", |round| round.on.as_str());
    [
        format!("{TITLE}\n\n`{}`\n\n", options.command),
        machine.text(),
        machine::versions("the image of `make image`", on),
        format!(
            "- {} rounds, each on a node of its own that has just started, with the control plane and the registry on the same \
             machine. Figures are the median (least to greatest) of all rounds.\n",
            rounds.len()
        ),
        installation(rounds),
        memory(options, rounds),
        size(image, rounds),
        side_by_side(rounds),
    ]
    .concat()
}

fn installation(rounds: &[Round]) -> String {
    let of = |time: fn(&Round) -> f64| {
        let times: Vec<f64> = rounds.iter().map(time).collect();
        spread(&times, seconds)
    };
    let missed: usize = rounds.iter().map(|round| round.installation.missed).sum();
    let rows = [
        ("`kubectl apply` returns", of(|round| round.installation.applied)),
        ("the first Pod is created with its pull secret", of(|round| round.installation.injected)),
        (
            "a Pod that is created then runs, with a private image",
            of(|round| round.installation.running),
        ),
        ("both Deployments are Ready, two replicas each", of(|round| round.installation.ready)),
        ("from the return to the first Pod with its pull secret", {
            of(|round| round.installation.injected - round.installation.applied)
        }),
    ];
    let rows = rows.map(|(what, time)| row(&[what.to_owned(), time])).concat();
    format!(
        "\n### Installation\n\nFrom the start of `kubectl apply -k deploy/overlays/cluster-wide`, with the image on the node already. A \
         client asks for a Pod every 50 ms, by dry run; at the first answer with the pull secret it creates one that is run. \
         Pods that were created without it after that: {missed}.\n\n| until | after |\n|---|---|\n{rows}"
    )
}

fn memory(options: &Options, rounds: &[Round]) -> String {
    let idle = format!("{} s after the start", options.idle.as_secs());
    let work = format!(
        "with {} more namespaces and {} Pods decided",
        thousands(options.namespaces),
        thousands(options.pods)
    );
    let mut text = String::from(
        "\n### Memory\n\nIn MiB, of the containers' cgroups. The working set is what the kubelet goes by: all but the file pages that \
         can be dropped first. The peak is that of the whole life of the container, file pages and all. Each of the namespaces gets a \
         copy of a pull secret. The pages of the program itself are not among it: they are counted for containerd, which has just written \
         them.\n\n| process | when | working set | anonymous | peak | request | limit |\n|---|---|---|---|---|---|---|\n",
    );
    let of_all = |replicas: fn(&Round) -> &[Replica]| rounds.iter().flat_map(replicas);
    for (when, replicas) in
        [(idle, of_all(|round| &round.idle)), (work, of_all(|round| &round.busy))]
    {
        let mut by_role = BTreeMap::<_, Vec<Memory>>::new();
        for replica in replicas {
            by_role.entry((replica.role, &replica.manifest)).or_default().push(replica.memory);
        }
        for ((role, [request, limit]), memory) in by_role.iter().rev() {
            let of = |part: fn(&Memory) -> f64| {
                spread(&memory.iter().map(part).collect::<Vec<_>>(), mebibytes)
            };
            text.push_str(&row(&[
                (*role).to_owned(),
                when.clone(),
                of(|memory| memory.working_set),
                of(|memory| memory.anonymous),
                of(|memory| memory.peak),
                request.clone(),
                limit.clone(),
            ]));
        }
    }
    text
}

fn size(image: &Image, rounds: &[Round]) -> String {
    let layers: Vec<_> = image.layers.iter().map(|bytes| mebibytes(Some(*bytes))).collect();
    let imported: Vec<f64> = rounds.iter().map(|round| round.imported).collect();
    format!(
        "\n### Image\n\n| binary | pulled | layers | import by containerd |\n|---|---|---|---|\n{}",
        row(&[
            image.says("binary").unwrap_or("-").to_owned(),
            image.says("pulled").unwrap_or("-").to_owned(),
            format!("{} ({} MiB)", layers.len(), layers.join(", ")),
            spread(&imported, seconds),
        ])
    )
}

fn side_by_side(rounds: &[Round]) -> String {
    let with: Vec<_> = rounds.iter().flat_map(|round| &round.side_by_side.with).collect();
    let without: Vec<_> = rounds.iter().flat_map(|round| &round.side_by_side.without).collect();
    let mut text = String::from(
        "\n### A Pod with a private image\n\nFrom the request to create it, in alternating order. Without Pullpass means that the webhook \
         is not called for the namespace, and that the ServiceAccount has the pull secret by hand. Each image is new on the node by its \
         name; its layers are there.\n\n| | Pods | created | Running |\n|---|---|---|---|\n",
    );
    for (how, pods) in [("with Pullpass", with), ("without", without)] {
        let of = |time: fn(&Started) -> f64| {
            spread(&pods.iter().map(|pod| time(pod)).collect::<Vec<_>>(), seconds)
        };
        text.push_str(&row(&[
            how.to_owned(),
            pods.len().to_string(),
            of(|pod| pod.created),
            of(|pod| pod.running),
        ]));
    }
    text
}

fn mebibytes(bytes: Option<f64>) -> String {
    bytes.map_or_else(|| "-".to_owned(), |bytes| format!("{:.1}", bytes / 1_048_576.0))
}
