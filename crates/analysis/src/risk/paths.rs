//! What a path says about a file: the part it plays, and the areas it belongs to. Contents are not looked at.

/// The part a file plays. Each has exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Names the dependencies.
    Manifest,
    /// Pins the versions of dependencies.
    Lock,
    /// Defines what a build pipeline does.
    Pipeline,
    /// Tests something.
    Test,
    /// Explains something.
    Document,
    /// Everything else.
    Code,
}

/// A part of a system where mistakes are expensive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Area {
    Authentication,
    Cryptography,
    Migrations,
    Payments,
    Infrastructure,
    Permissions,
}

impl Area {
    pub(crate) const ALL: [Self; 6] = [
        Self::Authentication,
        Self::Cryptography,
        Self::Migrations,
        Self::Payments,
        Self::Infrastructure,
        Self::Permissions,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Authentication => "authentication",
            Self::Cryptography => "cryptography",
            Self::Migrations => "database migrations",
            Self::Payments => "payments",
            Self::Infrastructure => "infrastructure",
            Self::Permissions => "permissions",
        }
    }

    /// The words in a path that mean this area, in lower case.
    fn words(self) -> &'static str {
        match self {
            Self::Authentication => {
                "auth authn authentication oauth oauth2 oidc saml sso login signin password passwords jwt session \
                 sessions mfa totp"
            }
            Self::Cryptography => {
                "crypto cryptography cipher encryption encrypt decrypt tls ssl signing signature certificate \
                 certificates certs keystore hmac"
            }
            Self::Migrations => "migration migrations migrate sql ddl",
            Self::Payments => {
                "payment payments billing invoice invoices invoicing checkout refund refunds subscription \
                 subscriptions ledger payout payouts"
            }
            Self::Infrastructure => {
                "terraform tf tfvars kubernetes k8s helm infra infrastructure deploy deployment deployments ansible \
                 dockerfile containerfile pulumi nginx systemd"
            }
            Self::Permissions => {
                "permission permissions authz authorization rbac acl acls iam role roles policy policies codeowners \
                 sudoers cors"
            }
        }
    }
}

const LOCKS: &str = "cargo.lock package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml bun.lock bun.lockb \
                     poetry.lock uv.lock pdm.lock pipfile.lock go.sum gemfile.lock composer.lock gradle.lockfile \
                     packages.lock.json mix.lock podfile.lock pubspec.lock package.resolved flake.lock deno.lock";

const MANIFESTS: &str = "cargo.toml package.json pyproject.toml setup.py setup.cfg pipfile go.mod gemfile pom.xml \
                         build.gradle build.gradle.kts libs.versions.toml composer.json mix.exs package.swift podfile \
                         pubspec.yaml flake.nix deno.json directory.packages.props .gitmodules .npmrc";

const PIPELINE_FILES: &str = ".gitlab-ci.yml jenkinsfile azure-pipelines.yml .travis.yml bitbucket-pipelines.yml \
                              .drone.yml appveyor.yml cloudbuild.yaml .pre-commit-config.yaml";

const PIPELINE_FOLDERS: &str =
    ".github/workflows/ .github/actions/ .circleci/ .buildkite/ .gitlab/ci/ .ci/ .husky/";

fn listed(list: &str, wanted: &str) -> bool {
    list.split(' ').any(|entry| entry == wanted)
}

/// The part a file plays.
pub(crate) fn role(path: &str) -> Role {
    let path = path.to_ascii_lowercase();
    let name = path.rsplit('/').next().unwrap_or(&path);
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let in_pipeline = |folder: &str| path.starts_with(folder) || path.contains(&format!("/{folder}"));
    if listed(LOCKS, name) {
        Role::Lock
    } else if listed(MANIFESTS, name)
        || matches!(extension, "csproj" | "fsproj" | "gemspec")
        || (name.starts_with("requirements") && extension == "txt")
    {
        Role::Manifest
    } else if listed(PIPELINE_FILES, name) || PIPELINE_FOLDERS.split(' ').any(in_pipeline) {
        Role::Pipeline
    } else if words(&path)
        .any(|word| matches!(word, "test" | "tests" | "spec" | "specs" | "e2e" | "testdata"))
    {
        Role::Test
    } else if matches!(extension, "md" | "mdx" | "rst" | "adoc" | "txt") || name.starts_with("license") {
        Role::Document
    } else {
        Role::Code
    }
}

/// Whether a file belongs to an area. Tests and documents about it do not.
pub(crate) fn touches(area: Area, path: &str) -> bool {
    if matches!(role(path), Role::Test | Role::Document) {
        return false;
    }
    let path = path.to_ascii_lowercase();
    words(&path).any(|word| listed(area.words(), word))
}

/// The folder of a file, two levels deep at most.
pub(crate) fn folder(path: &str) -> &str {
    let end = path.match_indices('/').map(|(at, _)| at).take(2).last();
    end.and_then(|end| path.get(..end)).unwrap_or("")
}

fn words(path: &str) -> impl Iterator<Item = &str> {
    path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty())
}
