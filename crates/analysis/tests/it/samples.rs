//! One made-up secret per rule, put together at run time so that no file of the project holds one.

const UPPER: &str = "ABCDEFGHJKLMNPQRSTUVWXYZ234567";
const ALNUM: &str = "aB3dE5fG7hJ9kL2mN4pQ6rS8tU0vWxYzCbDcFeHgKjMnPqRtSvTwXyZ1";
const HEX: &str = "0123456789abcdef";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz0123456789";

/// Characters of an alphabet in an order that looks random and never changes.
pub(crate) fn fill(alphabet: &str, length: usize) -> String {
    let letters: Vec<char> = alphabet.chars().collect();
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15 ^ (length as u64);
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        letters[(state >> 33) as usize % letters.len()]
    };
    (0..length).map(|_| next()).collect()
}

pub(crate) fn aws_key_id() -> String {
    format!("{}{}", "AKIA", fill(UPPER, 16))
}

pub(crate) fn github_token() -> String {
    format!("{}_{}", "ghp", fill(ALNUM, 36))
}

/// A private key of several lines.
pub(crate) fn private_key(line_end: &str) -> String {
    let body: Vec<String> = (0..6).map(|n| fill(ALNUM, 64 - n % 2)).collect();
    let rim = |word: &str| format!("-----{word} RSA PRIVATE {}-----", "KEY");
    format!("{}{line_end}{}{line_end}{}", rim("BEGIN"), body.join(line_end), rim("END"))
}

/// A rule and a line that it must find, secret included.
pub(crate) fn all() -> Vec<(&'static str, String)> {
    let lines = [cloud(), forges(), services(), models(), generic()].concat();
    lines.into_iter().map(|(rule, line)| (rule, format!("{line}\n"))).collect()
}

fn cloud() -> Vec<(&'static str, String)> {
    let uuid =
        format!("{}-{}-{}-{}-{}", fill(HEX, 8), fill(HEX, 4), fill(HEX, 4), fill(HEX, 4), fill(HEX, 12));
    vec![
        ("aws-access-key-id", format!("id = \"{}\"", aws_key_id())),
        ("aws-secret-access-key", format!("aws_secret_access_key = {}", fill(ALNUM, 40))),
        ("gcp-api-key", format!("key: '{}{}'", "AIza", fill(ALNUM, 35))),
        ("gcp-service-account", format!("\"private_key_id\": \"{}\",", fill(HEX, 40))),
        ("google-oauth-secret", format!("client = \"{}{}\"", "GOCSPX-", fill(ALNUM, 28))),
        ("azure-storage-key", format!("AccountName=x;AccountKey={}==;", fill(ALNUM, 86))),
        (
            "azure-sas",
            format!("https://x.blob.core.windows.net/c?sv=2024-01-01&sp=r&sig={}%3D", fill(ALNUM, 43)),
        ),
        ("azure-client-secret", format!("AZ = \"{}8Q~{}\"", fill(ALNUM, 3), fill(ALNUM, 34))),
        ("digitalocean-token", format!("do = {}_v1_{}", "dop", fill(HEX, 64))),
        ("alibaba-access-key-id", format!("id = {}{}", "LTAI", fill(ALNUM, 20))),
        ("cloudflare-origin-key", format!("ca = v1.0-{}-{}", fill(HEX, 24), fill(HEX, 146))),
        ("heroku-key", format!("HEROKU_API_KEY={uuid}")),
        ("vault-token", format!("VAULT = {}.{}", "hvs", fill(ALNUM, 90))),
        ("terraform-token", format!("tf = \"{}.{}.{}\"", fill(ALNUM, 14), "atlasv1", fill(ALNUM, 67))),
        ("databricks-token", format!("t = {}{}", "dapi", fill(HEX, 32))),
        ("pulumi-token", format!("t = {}-{}", "pul", fill(HEX, 40))),
        ("doppler-token", format!("t = {}.{}", "dp.pt", fill(ALNUM, 43))),
        ("planetscale-token", format!("t = {}_{}", "pscale_tkn", fill(ALNUM, 43))),
    ]
}

fn forges() -> Vec<(&'static str, String)> {
    vec![
        ("github-token", format!("token: {}", github_token())),
        (
            "github-fine-grained-token",
            format!("t = {}_{}_{}", "github_pat", fill(ALNUM, 22), fill(ALNUM, 59)),
        ),
        ("gitlab-token", format!("t = {}-{}", "glpat", fill(ALNUM, 20))),
        ("npm-token", format!("t = {}_{}", "npm", fill(ALNUM, 36))),
        ("npm-registry-token", format!("//registry.example/:_authToken={}", fill(ALNUM, 40))),
        ("pypi-token", format!("password = {}-{}{}", "pypi", "AgE", fill(ALNUM, 160))),
        ("crates-io-token", format!("t = \"{}{}\"", "cio", fill(ALNUM, 32))),
        ("rubygems-token", format!(":key: {}_{}", "rubygems", fill(HEX, 48))),
        ("nuget-key", format!("k {}{}", "oy2", fill(LOWER, 43))),
        ("docker-hub-token", format!("docker login -p {}_{}", "dckr_pat", fill(ALNUM, 27))),
        ("atlassian-token", format!("t = {}{}", "ATATT3", fill(ALNUM, 186))),
        ("linear-key", format!("t = {}_{}", "lin_api", fill(ALNUM, 40))),
        ("notion-token", format!("t = {}_{}{}", "ntn", fill("0123456789", 11), fill(ALNUM, 35))),
        ("postman-key", format!("t = {}-{}-{}", "PMAK", fill(HEX, 24), fill(HEX, 34))),
        ("figma-token", format!("t = {}_{}", "figd", fill(ALNUM, 40))),
        ("sonar-token", format!("t = {}_{}", "sqp", fill(HEX, 40))),
    ]
}

fn services() -> Vec<(&'static str, String)> {
    let digits = |n| fill("1234567890", n);
    vec![
        ("slack-token", format!("t = {}-{}-{}-{}", "xoxb", digits(12), digits(13), fill(ALNUM, 24))),
        (
            "slack-webhook",
            format!(
                "https://hooks.slack.com/services/T{}/B{}/{}",
                fill(UPPER, 8),
                fill(UPPER, 8),
                fill(ALNUM, 24)
            ),
        ),
        ("discord-webhook", format!("https://discord.com/api/webhooks/{}/{}", digits(18), fill(ALNUM, 68))),
        (
            "discord-token",
            format!("DISCORD = \"M{}.{}.{}\"", fill(ALNUM, 25), fill(ALNUM, 6), fill(ALNUM, 38)),
        ),
        ("telegram-token", format!("bot = \"{}:AA{}\"", digits(10), fill(ALNUM, 33))),
        ("stripe-live-key", format!("k = {}_{}_{}", "sk", "live", fill(ALNUM, 24))),
        ("stripe-test-key", format!("k = {}_{}_{}", "sk", "test", fill(ALNUM, 24))),
        ("stripe-webhook-secret", format!("k = {}_{}", "whsec", fill(ALNUM, 32))),
        ("square-token", format!("k = {}{}", "EAAA", fill(ALNUM, 60))),
        ("shopify-token", format!("k = {}_{}", "shpat", fill(HEX, 32))),
        ("twilio-key", format!("twilio_sid: \"{}{}\"", "SK", fill(HEX, 32))),
        ("sendgrid-key", format!("k = {}.{}.{}", "SG", fill(ALNUM, 22), fill(ALNUM, 43))),
        ("mailgun-key", format!("k = {}-{}", "key", fill(HEX, 32))),
        ("mailchimp-key", format!("k = {}-us{}", fill(HEX, 32), 14)),
        ("datadog-key", format!("DD_API_KEY: {}", fill(HEX, 32))),
        ("new-relic-key", format!("k = {}-{}", "NRAK", fill(UPPER, 27))),
        ("sentry-token", format!("k = {}_{}", "sntryu", fill(HEX, 64))),
        ("grafana-token", format!("k = {}_{}_{}", "glsa", fill(ALNUM, 32), fill(HEX, 8))),
    ]
}

fn models() -> Vec<(&'static str, String)> {
    vec![
        ("openai-key", format!("k = {}-{}-{}", "sk", "proj", fill(ALNUM, 120))),
        ("anthropic-key", format!("k = {}-{}-{}", "sk", "ant-api03", fill(ALNUM, 95))),
        ("hugging-face-token", format!("k = {}_{}", "hf", fill(ALNUM, 34))),
        ("groq-key", format!("k = {}_{}", "gsk", fill(ALNUM, 52))),
        ("replicate-token", format!("k = {}_{}", "r8", fill(ALNUM, 37))),
    ]
}

fn generic() -> Vec<(&'static str, String)> {
    let jwt = format!("{}{}.{}{}.{}", "eyJ", fill(ALNUM, 30), "eyJ", fill(ALNUM, 60), fill(ALNUM, 43));
    vec![
        ("private-key", private_key("\n")),
        ("json-web-token", format!("cookie: {jwt}")),
        ("password-in-url", format!("postgres://app:{}@db.internal:5432/app", fill(ALNUM, 14))),
        ("basic-authorization", format!("Authorization: {} {}", "Basic", fill(ALNUM, 28))),
        ("bearer-token", format!("curl -H 'X: {} {}'", "Bearer", fill(ALNUM, 40))),
        ("assigned-secret", format!("db_password = \"{}\"", fill(ALNUM, 20))),
        ("assigned-in-environment", format!("export SESSION_SECRET={}", fill(ALNUM, 32))),
    ]
}
