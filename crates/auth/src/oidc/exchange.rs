//! From a code to a person: the token endpoint, and what tells who somebody is.

use codeflow_core::Clock;
use http::StatusCode;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::id_token::{Expected, Flag, IdToken, Person};
use super::metadata::{Issuer, Metadata};
use super::pending::Pending;
use super::settings::{OAuth2, ProviderSettings};
use super::web::{Web, bad};
use crate::Error;

const LONGEST_CODE: usize = 4 * 1024;

/// One exchange.
pub(super) struct Exchange<'a> {
    pub(super) web: &'a Web,
    pub(super) clock: &'a dyn Clock,
    pub(super) settings: &'a ProviderSettings,
    pub(super) pending: &'a Pending,
    pub(super) callback: &'a str,
}

#[derive(Deserialize)]
struct TokenReply {
    access_token: String,
    token_type: String,
    id_token: Option<String>,
}

#[derive(Deserialize)]
struct UserInfo {
    sub: String,
    name: Option<String>,
    email: Option<String>,
    email_verified: Option<Flag>,
}

#[derive(Deserialize)]
struct OAuthUser {
    id: Value,
    login: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
struct OAuthEmail {
    email: String,
    #[serde(default)]
    primary: bool,
    #[serde(default)]
    verified: bool,
}

impl Exchange<'_> {
    /// The person for whom an OpenID provider vouches.
    pub(super) async fn open_id(
        &self,
        code: &str,
        issuer: &Issuer,
        metadata: &Metadata,
    ) -> Result<Person, Error> {
        let reply = self.redeem(code, &metadata.token, metadata.takes_basic).await?;
        let token = reply.id_token.ok_or_else(|| bad("the other service sent no ID token"))?;
        let token = IdToken::read(&token, &metadata.algorithms)?;
        let keys = issuer.keys(metadata, token.kid.as_deref(), (self.web, self.clock)).await?;
        let expected = Expected {
            issuer: &metadata.issuer,
            client_id: &self.settings.client_id,
            nonce: &self.pending.nonce,
            access_token: &reply.access_token,
            now: self.clock.now(),
        };
        let person = token.verify(&keys, &expected)?;
        match &metadata.user_info {
            Some(url) if person.email.is_none() => self.ask(url, person, &reply.access_token).await,
            Some(_) | None => Ok(person),
        }
    }

    /// The person whom a service that speaks OAuth 2 alone calls the owner of the token.
    pub(super) async fn oauth2(&self, code: &str, paths: &OAuth2) -> Result<Person, Error> {
        let reply = self.redeem(code, &paths.token, false).await?;
        let user: OAuthUser = self.web.get(&paths.user, Some(&reply.access_token)).await?;
        let subject = match &user.id {
            Value::Number(number) => number.to_string(),
            Value::String(text) if (1..=255).contains(&text.len()) => text.clone(),
            _ => return Err(bad("the other service says not who signed in")),
        };
        let emails: Vec<OAuthEmail> = match &paths.emails {
            Some(url) => self.web.get(url, Some(&reply.access_token)).await?,
            None => Vec::new(),
        };
        let email = emails.into_iter().find(|email| email.primary && email.verified).map(|email| email.email);
        let email_verified = email.is_some();
        Ok(Person { subject, name: user.name.or(user.login), email, email_verified })
    }

    async fn redeem(&self, code: &str, url: &Url, basic: bool) -> Result<TokenReply, Error> {
        if !(1..=LONGEST_CODE).contains(&code.len()) {
            return Err(bad("the code cannot be one"));
        }
        let id = self.settings.client_id.as_str();
        let secret = self.settings.client_secret.as_ref().map(ExposeSecret::expose_secret);
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", self.callback),
            ("code_verifier", &self.pending.verifier),
        ];
        let header = secret.filter(|_| basic).map(|secret| (id, secret));
        if header.is_none() {
            form.push(("client_id", id));
            form.extend(secret.map(|secret| ("client_secret", secret)));
        }
        let reply = self.web.post(url, &form, header).await?;
        if reply.status != StatusCode::OK {
            return Err(bad("the other service does not accept the code"));
        }
        // The cause would hold what was sent.
        let tokens: Option<TokenReply> = serde_json::from_slice(&reply.body).ok();
        let tokens = tokens.ok_or_else(|| bad("the other service sent no token"))?;
        if !tokens.token_type.eq_ignore_ascii_case("bearer") {
            return Err(bad("the other service sent a token of an unknown type"));
        }
        Ok(tokens)
    }

    /// Asks for the address. What is said about anybody else is not heard.
    async fn ask(&self, url: &Url, person: Person, token: &str) -> Result<Person, Error> {
        let info: UserInfo = self.web.get(url, Some(token)).await?;
        if info.sub != person.subject {
            return Err(bad("the other service talks about somebody else"));
        }
        let email_verified = info.email_verified.is_some_and(|flag| flag.is_set());
        Ok(Person {
            name: person.name.or(info.name),
            email: info.email,
            email_verified,
            subject: person.subject,
        })
    }
}
