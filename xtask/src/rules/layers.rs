//! Shipped dependencies point downwards only, and an outside technology stays in the crate that owns it.

use crate::{
    violation::Violation,
    workspace::{Member, Workspace},
};

const RULE: &str = "layers";

/// A layer and the layers that its crates may ship with.
struct Layer {
    name: &'static str,
    may_use: &'static [&'static str],
}

/// From the bottom to the top. A layer that does not list itself forbids edges between its own crates.
const LAYERS: &[Layer] = &[
    Layer { name: "domain", may_use: &["domain"] },
    Layer { name: "base", may_use: &["domain"] },
    Layer { name: "app", may_use: &["domain", "base"] },
    Layer { name: "adapter", may_use: &["domain", "base", "app"] },
    Layer { name: "root", may_use: &["domain", "base", "app", "adapter"] },
    Layer { name: "bin", may_use: &["root"] },
    Layer { name: "test", may_use: &["domain", "base", "app", "adapter", "root", "bin", "test", "tool"] },
    Layer { name: "tool", may_use: &["domain", "base", "app", "adapter", "root", "bin", "test", "tool"] },
];

/// Layers that ship to nobody, and so may name any outside crate.
const UNSHIPPED: &[&str] = &["test", "tool"];

/// An outside technology and where it may be named.
struct Technology {
    crates: &'static [&'static str],
    home: Home,
}

/// Where a technology lives.
enum Home {
    /// Only in these packages.
    Packages(&'static [&'static str]),
    /// Anywhere but in this layer.
    NotIn(&'static str),
}

const TECHNOLOGIES: &[Technology] = &[
    Technology { crates: &["tokio", "tokio-util"], home: Home::NotIn("domain") },
    Technology {
        crates: &[
            "diesel",
            "diesel-async",
            "diesel_migrations",
            "libsqlite3-sys",
            "tokio-postgres",
            "deadpool",
        ],
        home: Home::Packages(&["codeflow-persistence"]),
    },
    Technology { crates: &["redis"], home: Home::Packages(&["codeflow-redis"]) },
    Technology { crates: &["axum", "tower-http"], home: Home::Packages(&["codeflow-api"]) },
    Technology { crates: &["reqwest"], home: Home::Packages(&["codeflow-net"]) },
    Technology { crates: &["hyper", "hyper-util"], home: Home::Packages(&["codeflow-net", "codeflow-api"]) },
];

/// Checks every shipped edge of the crate graph.
pub(super) fn check(workspace: &Workspace) -> Vec<Violation> {
    let mut found = Vec::new();
    for member in &workspace.members {
        match layer_of(member) {
            Some(layer) => {
                found.extend(upward_edges(workspace, member, layer));
                found.extend(foreign_technologies(member, layer));
            }
            None => found.push(violation(member, unknown_layer(member))),
        }
    }
    found
}

fn layer_of(member: &Member) -> Option<&'static Layer> {
    let name = member.layer.as_deref()?;
    LAYERS.iter().find(|layer| layer.name == name)
}

fn unknown_layer(member: &Member) -> String {
    let known = LAYERS.iter().map(|layer| layer.name).collect::<Vec<_>>().join(", ");
    match &member.layer {
        Some(layer) => format!("layer `{layer}` does not exist; the layers are {known}"),
        None => format!("declare `layer` in [package.metadata.codeflow]; the layers are {known}"),
    }
}

fn upward_edges<'a>(
    workspace: &'a Workspace,
    member: &'a Member,
    layer: &'static Layer,
) -> impl Iterator<Item = Violation> + 'a {
    workspace.members.iter().filter(|other| member.ships_with.contains(&other.name)).filter_map(
        move |other| {
            let below = layer_of(other)?.name;
            if layer.may_use.contains(&below) {
                return None;
            }
            let allowed = layer.may_use.join(", ");
            let edge =
                format!("{} ({}) must not depend on {} ({below})", member.name, layer.name, other.name);
            Some(violation(member, format!("{edge}; its layer may use: {allowed}")))
        },
    )
}

fn foreign_technologies<'a>(
    member: &'a Member,
    layer: &'static Layer,
) -> impl Iterator<Item = Violation> + 'a {
    let named = member.ships_with.iter().filter(|_| !UNSHIPPED.contains(&layer.name));
    named.filter_map(move |name| {
        let technology = TECHNOLOGIES.iter().find(|technology| technology.crates.contains(&name.as_str()))?;
        let advice = match technology.home {
            Home::Packages(homes) if homes.contains(&member.name.as_str()) => return None,
            Home::Packages(homes) => format!("it belongs to {}", homes.join(" and ")),
            Home::NotIn(forbidden) if forbidden != layer.name => return None,
            Home::NotIn(forbidden) => format!("no crate of the {forbidden} layer names it"),
        };
        Some(violation(member, format!("{} must not depend on {name}: {advice}", member.name)))
    })
}

fn violation(member: &Member, message: String) -> Violation {
    Violation::file(RULE, &member.manifest_path(), message)
}
