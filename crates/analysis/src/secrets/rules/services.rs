//! Shapes of the tokens of messaging, payment, monitoring and model services.

use crate::Severity::{Critical, High, Low};
use crate::secrets::rule::{SecretRule, rule};

pub(crate) static RULES: &[SecretRule] = &[
    rule(
        "secrets/slack-token",
        Critical,
        "A Slack token",
        &["xoxa-", "xoxb-", "xoxe", "xoxo-", "xoxp-", "xoxr-", "xoxs-", "xapp-"],
        r"\b(?:xox[abeoprs](?:\.xox[bp])?-[0-9A-Za-z-]{20,}|xapp-\d-[A-Za-z0-9]+-\d+-[A-Za-z0-9]{32,})",
    ),
    rule(
        "secrets/slack-webhook",
        High,
        "A Slack webhook",
        &["hooks.slack.com"],
        r"hooks\.slack\.com/(?:services|workflows|triggers)/(?<secret>[A-Za-z0-9/]{30,})",
    ),
    rule(
        "secrets/discord-webhook",
        High,
        "A Discord webhook",
        &["/api/webhooks/"],
        r"discord(?:app)?\.com/api/webhooks/\d{17,20}/(?<secret>[A-Za-z0-9_-]{60,})",
    ),
    rule(
        "secrets/discord-token",
        Critical,
        "A Discord bot token",
        &["discord"],
        r"(?i)discord.{0,40}?\b(?<secret>[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38})",
    )
    .entropy(4.0),
    rule(
        "secrets/telegram-token",
        High,
        "A Telegram bot token",
        &[":aa"],
        r"\b(?<secret>[0-9]{8,10}:AA[A-Za-z0-9_-]{33})(?:[^A-Za-z0-9_-]|$)",
    )
    .entropy(3.5),
    rule(
        "secrets/stripe-live-key",
        Critical,
        "A live Stripe key",
        &["sk_live_", "rk_live_", "sk_prod_", "rk_prod_"],
        r"\b[sr]k_(?:live|prod)_[A-Za-z0-9]{20,247}\b",
    ),
    rule(
        "secrets/stripe-test-key",
        Low,
        "A Stripe test key",
        &["sk_test_", "rk_test_"],
        r"\b[sr]k_test_[A-Za-z0-9]{20,247}\b",
    ),
    rule(
        "secrets/stripe-webhook-secret",
        High,
        "The secret of a Stripe webhook",
        &["whsec_"],
        r"\bwhsec_[A-Za-z0-9+/=]{32,}",
    )
    .entropy(3.5),
    rule(
        "secrets/square-token",
        Critical,
        "A Square token",
        &["eaaa", "sq0atp-", "sq0csp-"],
        r"\b(?:EAAA[A-Za-z0-9_-]{60}|sq0(?:atp|csp)-[A-Za-z0-9_-]{22,43})",
    )
    .entropy(3.5),
    rule(
        "secrets/shopify-token",
        Critical,
        "A Shopify token",
        &["shpat_", "shpca_", "shppa_", "shpss_"],
        r"\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}\b",
    ),
    rule(
        "secrets/twilio-key",
        High,
        "A Twilio key",
        &["twilio"],
        r"(?i)twilio.{0,40}?\b(?<secret>(?:SK)?[0-9a-f]{32})\b",
    ),
    rule(
        "secrets/sendgrid-key",
        Critical,
        "A SendGrid key",
        &["sg."],
        r"\b(?<secret>SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43})(?:[^A-Za-z0-9_-]|$)",
    )
    .entropy(4.0),
    rule(
        "secrets/mailgun-key",
        High,
        "A Mailgun key",
        &["key-", "mailgun"],
        r"(?:\bkey-[0-9a-f]{32}\b|(?i:mailgun).{0,40}?\b[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}\b)",
    ),
    rule("secrets/mailchimp-key", High, "A Mailchimp key", &["-us"], r"\b[0-9a-f]{32}-us[0-9]{1,2}\b"),
    rule(
        "secrets/datadog-key",
        High,
        "A Datadog key",
        &["datadog", "dd_api_key", "dd_app_key", "dd-api-key"],
        r#"(?i)(?:datadog|dd.(?:api|app)).{0,40}?["'\s:=](?<secret>[a-f0-9]{40}|[a-f0-9]{32})\b"#,
    ),
    rule(
        "secrets/new-relic-key",
        High,
        "A New Relic key",
        &["nrak-", "nrii-", "nrra-"],
        r"\bNR(?:AK|II|RA)-[A-Za-z0-9_-]{27,42}",
    ),
    rule(
        "secrets/sentry-token",
        High,
        "A Sentry token",
        &["sntrys_", "sntryu_"],
        r"\bsntry(?:s_[A-Za-z0-9+/=_-]{60,}|u_[a-f0-9]{64})",
    ),
    rule(
        "secrets/grafana-token",
        High,
        "A Grafana token",
        &["glsa_", "glc_"],
        r"\b(?:glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}|glc_[A-Za-z0-9+/=]{32,})",
    ),
    rule(
        "secrets/openai-key",
        Critical,
        "An OpenAI key",
        &["sk-proj-", "sk-svcacct-", "sk-admin-", "t3blbkfj"],
        r"\bsk-(?:(?:proj|svcacct|admin)-[A-Za-z0-9_-]{40,}|[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20})",
    )
    .entropy(3.5),
    rule(
        "secrets/anthropic-key",
        Critical,
        "An Anthropic key",
        &["sk-ant-"],
        r"\bsk-ant-[a-z]{3,10}\d{2}-[A-Za-z0-9_-]{80,}",
    )
    .entropy(3.5),
    rule("secrets/hugging-face-token", High, "A Hugging Face token", &["hf_"], r"\bhf_[A-Za-z0-9]{34,40}\b")
        .entropy(3.5),
    rule("secrets/groq-key", High, "A Groq key", &["gsk_"], r"\bgsk_[A-Za-z0-9]{52}\b").entropy(3.5),
    rule("secrets/replicate-token", High, "A Replicate token", &["r8_"], r"\br8_[A-Za-z0-9]{37}\b")
        .entropy(3.5),
];
