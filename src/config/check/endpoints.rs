//! Endpoints: where they are, how they are spoken to, what they cost.

use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use hyper::Uri;
use hyper::header::{HeaderName, HeaderValue};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::{CheckedEndpoint, Checker, Declared};
use crate::config::located::Located;
use crate::config::raw::{
    AuthWord, DoorWord, HttpWord, Named, RawAws, RawEndpoint, RawRetries, RawSecret, RawTimeouts,
};
use crate::domain::{CataloguePrice, Dialect, Door, EndpointName};
use crate::forward::{Auth, AwsCredentials, Endpoint, HttpVersion, Retries, TimeLimits, region_of};
use crate::route::{Abilities, Target};

/// Headers that no configuration sets: they are made from the request itself.
const OF_THE_CONNECTION: [&str; 5] = ["host", "content-length", "transfer-encoding", "connection", "expect"];

const MILLISECOND: Duration = Duration::from_millis(1);

impl Checker<'_, '_> {
    pub(super) fn endpoints(&mut self, raw: &Named<RawEndpoint>) -> Declared {
        let mut declared =
            Declared { endpoint_names: raw.keys().map(|name| name.to_string()).collect(), ..Declared::default() };
        if raw.is_empty() && !self.was_taken_out(&(0..0), "endpoints") {
            self.findings.missing("no endpoints are declared").hint("declare one under [endpoints.NAME]");
        }
        for (name, endpoint) in self.named(raw, "an endpoint") {
            if let Some(checked) = self.endpoint(name, endpoint) {
                declared.endpoints.insert(name.to_string(), checked);
            }
        }
        declared
    }

    fn endpoint(&mut self, written: &Located<String>, raw: &Located<RawEndpoint>) -> Option<CheckedEndpoint> {
        let subject = format!("endpoint `{}`", written.value());
        let url = self.required(raw.url.as_ref(), &raw.span(), "url", &subject).and_then(|url| self.url(url));
        let model =
            self.required(raw.model.as_ref(), &raw.span(), "model", &subject).and_then(|model| self.model(model));
        let known = url.as_ref().zip(model.as_ref()).and_then(|(url, model)| self.known(raw, url, model));
        let listed = known.as_ref().and_then(|known| known.price.as_ref());
        let context_known = listed.and_then(CataloguePrice::context_window);
        let price = self.price(raw, known.as_ref(), &subject, written.span());
        let dialect = raw.dialect.as_ref().map_or(Dialect::OpenaiChat, |word| super::when::dialect(**word));
        let auth = self.auth(raw, dialect, url.as_ref(), &subject, raw.span());
        let serves = self.serves(raw, dialect);
        let limits = self.time_limits(&raw.timeouts);
        let retries = self.retries(&raw.retries);
        let authorities = raw.ca_file.as_ref().and_then(|file| self.authorities(file));
        let headers = self.headers(&raw.headers);
        let private = url.as_ref().is_some_and(is_private);
        let pool_idle = if private { Duration::from_secs(4) } else { Duration::from_secs(30) };
        let pool_idle = self.duration(raw.pool_idle.as_ref(), "pool_idle", Duration::ZERO, pool_idle);
        let context_window = self.tokens(raw.context_window.as_ref(), "context_window");
        let max_output = self.tokens(raw.max_output.as_ref(), "max_output");
        let (url, model, name) = (url?, model?, EndpointName::parse(written).ok()?);
        let target = Target {
            name: name.clone(),
            model: model.clone(),
            dialect,
            context_window: context_window.or(context_known),
            max_output,
            abilities: abilities(raw),
            serves: Arc::clone(&serves),
            flat_rates: super::prices::flat(&price, self.surroundings.now),
            ceilings: self.ceilings(&price, known.as_ref()),
            price: price.clone(),
        };
        let endpoint = Endpoint {
            name,
            dialect,
            url,
            model,
            serves,
            auth,
            api_version: raw.api_version.as_ref().map(|version| version.as_str().into()),
            omit: raw.omit.clone().into(),
            headers,
            http: if raw.http == Some(HttpWord::Two) { HttpVersion::Http2 } else { HttpVersion::Http1 },
            authorities,
            limits,
            retries,
            pool_idle,
            ask_usage: raw.ask_usage.unwrap_or(true),
            price,
        };
        Some(CheckedEndpoint { target: Arc::new(target), endpoint: Arc::new(endpoint) })
    }

    /// What may be asked of it: conversations, unless the file says otherwise.
    fn serves(&mut self, raw: &RawEndpoint, dialect: Dialect) -> Arc<[Door]> {
        let words = raw.serves.as_deref();
        let mut doors: Vec<Door> = match words {
            None => super::when::door(DoorWord::Chat).to_vec(),
            Some(words) => words.iter().flat_map(|word| super::when::door(**word)).copied().collect(),
        };
        // These two exist in Responses alone, and nothing is translated for them.
        if dialect != Dialect::OpenaiResponses {
            doors.retain(|door| !matches!(door, Door::Compact | Door::InputTokens));
        }
        for word in words.unwrap_or_default() {
            if **word != DoorWord::Chat && !dialect.is_openai() {
                let message = format!(
                    "`{}` is served in OpenAI's manner only, not in `{}`",
                    super::when::door_word(**word),
                    dialect.as_str()
                );
                self.findings.error(word.span(), message).hint("set `dialect = \"openai-chat\"` for such an endpoint");
            }
        }
        doors.into()
    }

    /// How requests are authorised: as the file says, or as the dialect's provider wants it.
    fn auth(
        &mut self,
        raw: &RawEndpoint,
        dialect: Dialect,
        url: Option<&Uri>,
        subject: &str,
        span: Range<usize>,
    ) -> Auth {
        if let (Some(version), false) = (&raw.api_version, dialect.is_openai()) {
            let message = format!("`api_version` of {subject} is Azure's, which is spoken to in OpenAI's dialects");
            self.findings.error(version.span(), message);
        }
        if let (Some(aws), true) = (&raw.aws, raw.api_key.is_some() || raw.auth.is_some()) {
            let message = format!("{subject} has `aws` and another way to show a credential");
            self.findings.error(aws.span(), message).hint("leave one of the two out");
        }
        if dialect == Dialect::BedrockConverse && raw.aws.is_none() && raw.api_key.is_none() {
            let message = format!("{subject} has no credential, and Bedrock answers nobody without one");
            let hint = "`aws = {}` signs with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; or set `api_key`";
            self.findings.warning(span, message).hint(hint);
        }
        if let Some(aws) = &raw.aws {
            return self.aws(aws, dialect, url, subject);
        }
        if raw.auth == Some(AuthWord::Caller) {
            if let Some(written) = &raw.api_key {
                let message = format!("{subject} has an `api_key`, and `auth = \"caller\"` sends the caller's own");
                self.findings.error(written.span(), message).hint("leave one of the two out");
            }
            return Auth::Caller;
        }
        let Some(secret) = raw.api_key.as_ref().and_then(|secret| self.secret("api_key", secret, subject)) else {
            return Auth::None;
        };
        let is_azure = url.and_then(Uri::host).is_some_and(|host| host.ends_with(".azure.com"));
        let word = raw.auth.unwrap_or(match dialect {
            Dialect::AnthropicMessages => AuthWord::XApiKey,
            Dialect::Gemini => AuthWord::XGoogApiKey,
            _ if is_azure => AuthWord::ApiKey,
            _ => AuthWord::Bearer,
        });
        match word {
            AuthWord::Bearer | AuthWord::Caller => Auth::Bearer(secret),
            AuthWord::ApiKey => Auth::Header(HeaderName::from_static("api-key"), secret),
            AuthWord::XApiKey => Auth::Header(HeaderName::from_static("x-api-key"), secret),
            AuthWord::XGoogApiKey => Auth::Header(HeaderName::from_static("x-goog-api-key"), secret),
        }
    }

    fn aws(&mut self, raw: &Located<RawAws>, dialect: Dialect, url: Option<&Uri>, subject: &str) -> Auth {
        if dialect != Dialect::BedrockConverse {
            self.findings
                .error(raw.span(), format!("`aws` of {subject} signs requests in `bedrock-converse` only"))
                .hint("set `dialect = \"bedrock-converse\"`, or use `api_key`");
        }
        let of_host = url.and_then(Uri::host).and_then(region_of);
        let region = raw.region.as_ref().map(|region| region.as_str()).or(of_host).map(Arc::<str>::from);
        if region.is_none() {
            let message = format!("{subject} has no AWS region, and its URL does not tell");
            self.findings.error(raw.span(), message).hint("such as `aws = { region = \"eu-central-1\" }`");
        }
        let mut secret = |written: &Option<Located<RawSecret>>, name: &str| match written {
            Some(written) => self.secret("aws", written, subject),
            None => {
                let written = RawSecret { env: Some(name.to_owned()), file: None };
                self.secret("aws", &Located::new(raw.span(), written), subject)
            }
        };
        let id = secret(&raw.access_key_id, "AWS_ACCESS_KEY_ID");
        let key = secret(&raw.secret_access_key, "AWS_SECRET_ACCESS_KEY");
        let session_token = raw.session_token.as_ref().and_then(|token| self.secret("aws", token, subject));
        match (id, key, region) {
            (Some(id), Some(secret_access_key), Some(region)) => {
                let access_key_id = id.expose().to_owned();
                Auth::Aws(AwsCredentials { access_key_id, secret_access_key, session_token }, region)
            }
            _ => Auth::None,
        }
    }

    fn model(&mut self, written: &Located<String>) -> Option<Arc<str>> {
        if written.is_empty() {
            self.findings.error(written.span(), "`model` is empty");
            return None;
        }
        Some(written.as_str().into())
    }

    fn url(&mut self, written: &Located<String>) -> Option<Uri> {
        let uri: Option<Uri> = written.parse().ok();
        let web = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
        let plain =
            |uri: &Uri| uri.query().is_none() && uri.authority().is_some_and(|host| !host.as_str().contains('@'));
        let good = uri.filter(|uri| web(uri) && plain(uri));
        if good.is_none() {
            // A URL may carry a password, so it is not repeated.
            let hint =
                "scheme, host, port and path prefix, such as `https://api.openai.com/v1`; no query and no password";
            self.findings.error(written.span(), "`url` is not an address of a model server").hint(hint);
        }
        good
    }

    pub(super) fn authorities(&mut self, written: &Located<String>) -> Option<Arc<[CertificateDer<'static>]>> {
        let path = self.surroundings.path(written);
        let read = CertificateDer::pem_file_iter(&path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        match read {
            Ok(certificates) if !certificates.is_empty() => return Some(certificates.into()),
            Ok(_) => self.findings.error(written.span(), format!("`{}` holds no certificate", written.value())),
            Err(error) => self.findings.error(written.span(), format!("`{}` cannot be read: {error}", written.value())),
        };
        None
    }

    fn headers(&mut self, raw: &Named<String>) -> Vec<(HeaderName, HeaderValue)> {
        let mut headers = Vec::with_capacity(raw.len());
        for (name, value) in raw {
            match (HeaderName::try_from(name.as_str()), HeaderValue::try_from(value.as_str())) {
                (Ok(of_connection), _) if OF_THE_CONNECTION.contains(&of_connection.as_str()) => {
                    self.findings.error(name.span(), format!("`{}` is the connection's own header", name.value()));
                }
                (Ok(name), Ok(value)) => headers.push((name, value)),
                (Err(_), _) => drop(self.findings.error(name.span(), format!("`{}` is no header", name.value()))),
                (_, Err(_)) => drop(
                    self.findings.error(value.span(), format!("`{}` has a value that no header has", name.value())),
                ),
            }
        }
        headers
    }

    fn time_limits(&mut self, raw: &RawTimeouts) -> TimeLimits {
        let default = TimeLimits::default();
        TimeLimits {
            connect: self.duration(raw.connect.as_ref(), "connect", MILLISECOND, default.connect),
            first_byte: self.duration(raw.first_byte.as_ref(), "first_byte", MILLISECOND, default.first_byte),
            idle: self.duration(raw.idle.as_ref(), "idle", MILLISECOND, default.idle),
            total: self.duration(raw.total.as_ref(), "total", MILLISECOND, default.total),
        }
    }

    fn retries(&mut self, raw: &RawRetries) -> Retries {
        let default = Retries::default();
        let max = raw.max.as_ref().map_or(default.max, |max| **max);
        if let Some(written) = raw.max.as_ref().filter(|max| ***max > 10) {
            self.findings.error(written.span(), format!("`retries.max` cannot be `{max}`, expected 0 to 10"));
        }
        let base = self.duration(raw.base.as_ref(), "base", MILLISECOND, default.base);
        let cap = self.duration(raw.cap.as_ref(), "cap", MILLISECOND, default.cap);
        if let Some(written) = raw.cap.as_ref().filter(|_| cap < base) {
            self.findings.error(written.span(), format!("`retries.cap` is shorter than `retries.base`, {base:?}"));
        }
        Retries { max, base, cap }
    }

    fn tokens(&mut self, written: Option<&Located<u64>>, key: &str) -> Option<u64> {
        let written = written?;
        if **written == 0 {
            self.findings.error(written.span(), format!("`{key}` cannot be `0`"));
            return None;
        }
        Some(**written)
    }
}

fn abilities(raw: &RawEndpoint) -> Abilities {
    let default = Abilities::default();
    Abilities {
        images: raw.images.unwrap_or(default.images),
        audio: raw.audio.unwrap_or(default.audio),
        tools: raw.tools.unwrap_or(default.tools),
        json_schema: raw.json_schema.unwrap_or(default.json_schema),
    }
}

/// Whether an address is one of a machine nearby, where servers of local models run.
fn is_private(url: &Uri) -> bool {
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_private() || address.is_link_local(),
        Ok(IpAddr::V6(address)) => address.is_loopback() || address.is_unique_local(),
        Err(_) => host == "localhost" || !host.contains('.') || host.ends_with(".local") || host.ends_with(".internal"),
    }
}
