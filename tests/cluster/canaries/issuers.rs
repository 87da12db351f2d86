//! Issuers of tokens that give out canaries, and that turn bad in every way.

use std::collections::BTreeSet;

use serde_json::json;

use super::search::Canaries;

#[allow(dead_code, reason = "other tests use all of it")]
#[path = "../../tokens/acr/azure.rs"]
mod azure;
#[allow(dead_code, reason = "other tests use all of it")]
#[path = "../../tokens/gcp/google.rs"]
mod google;

use azure::Azure;
use google::{Google, KEY_ID, Reply, SERVICE_ACCOUNT};
pub use google::{OTHER_ACCOUNT, PROVIDER};

pub const TENANT: &str = "11111111-2222-3333-4444-555555555555";
pub const CLIENT: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
/// The client secret of the application.
pub const SECRET: &str = "kR7~acr-secret+/%&= ä-azure-Wq4Zn1bT";
/// What the kubelet has put into the controller's Pod.
pub use azure::SERVICE_ACCOUNT_TOKEN;

/// The password of the proxy that leads to none of them.
pub const PROXY_PASSWORD: &str = "hJ5vproxy-password-Qm8Xz2Lc";
/// What the bad ones make up.
const MADE_UP: &str = "zT3Nmade-up-by-an-issuer-Yf6Kp0Vd";

/// Running issuers. Dropping them ends them.
pub struct Issuers {
    google: Google,
    azure: Azure,
    /// ECR and STS.
    aws: [Google; 2],
    proxy: Google,
    registry: Google,
    round: u32,
}

/// How an issuer answers that gives no token: a status, headers and a body.
type Mood = (u16, Vec<(&'static str, String)>, String);

impl Issuers {
    /// Starts them; each gives tokens.
    pub async fn start() -> Self {
        let servers = [Google::start().await, Google::start().await, Google::start().await];
        let [google, ecr, sts] = servers;
        google.accept_subject(SERVICE_ACCOUNT_TOKEN);
        let (proxy, registry) = (Google::start().await, Google::start().await);
        proxy.reply("", Reply(407, vec![], "ECHO".to_owned()));
        let refusal = json!({"errors": [{"code": "ECHO", "message": "ECHO", "detail": "ECHO"}]});
        // Whoever is not asked for credentials shows none.
        let challenge = vec![("www-authenticate", "Basic realm=\"x\"".to_owned())];
        registry.reply("/v2/", Reply(401, challenge, String::new()));
        registry.reply("/v2/team/app/manifests/1", Reply(403, vec![], refusal.to_string()));
        Self { google, azure: Azure::start().await, aws: [ecr, sts], proxy, registry, round: 0 }
    }

    /// Those of AWS begin to give tokens; those of Azure give them for the time of this round.
    pub fn give(&mut self, round: u32) {
        self.round = round;
        let times = times(round);
        for registry in ["secret.azurecr.io", "certificate.azurecr.io", "workload.azurecr.io"] {
            self.azure.times(registry, times.clone());
        }
        let [ecr, sts] = &self.aws;
        let token = base64(&format!("AWS:{}", ecr_password(round)));
        let data = json!({"authorizationData": [{"authorizationToken": token, "expiresAt": azure::TIMES[1], "proxyEndpoint": "https://x"}]});
        let headers = vec![("content-type", "application/x-amz-json-1.1".to_owned())];
        ecr.reply("/", Reply(200, headers, data.to_string()));
        let role = ROLE.replace("SECRET", ROLE_SECRET).replace("SESSION", ROLE_SESSION);
        sts.reply("/", Reply(200, vec![("content-type", "text/xml".to_owned())], role));
    }

    /// From now on they give nothing good.
    pub fn turn_bad(&self, (status, headers, body): &Mood) {
        let forced = || (*status, headers.clone(), body.clone());
        for service in ["/entra", "/acr"] {
            self.azure.answer(service, forced());
        }
        let reply = || Reply(*status, headers.clone(), body.clone());
        self.google.reply("/token", reply());
        for aws in &self.aws {
            aws.reply("/", reply());
        }
    }

    /// The flags and variables by which they are asked, and by no other way.
    pub fn endpoints(&self) -> Vec<String> {
        let [ecr, sts] = &self.aws;
        let (google, azure) = (&self.google.url, |path| self.azure.url(path));
        vec![
            format!("gcp-token={google}"),
            format!("gcp-sts={google}"),
            format!("gcp-metadata={google}"),
            // Nobody is there, and the way is the proxy.
            "gcp-iam-credentials=https://iamcredentials.invalid".to_owned(),
            format!("entra={}", azure("/entra")),
            format!("acr={}", azure("/acr")),
            format!("azure-metadata={}", azure("/imds")),
            format!("ecr={}", ecr.url),
            format!("sts={}", sts.url),
        ]
    }

    /// The proxy, with a password.
    pub fn proxy(&self) -> String {
        let host = self.proxy.url.trim_start_matches("http://");
        format!("http://puller:{PROXY_PASSWORD}@{host}")
    }

    /// The host of a registry that repeats what it was sent.
    pub fn registry(&self) -> &str {
        self.registry.url.trim_start_matches("http://")
    }

    /// The certificate that signs for the application from now on, as an administrator uploads it.
    pub fn upload(&self, thumbprint: String, public_key: Vec<u8>) {
        self.azure.upload(thumbprint, public_key);
    }

    /// Every secret that they were sent, or that they have given out.
    pub fn plant(&self, canaries: &mut Canaries) {
        canaries.plant("client secret", SECRET);
        canaries.plant("password of the proxy", PROXY_PASSWORD);
        canaries.plant("answer of a bad issuer", MADE_UP);
        canaries.plant("token of the ServiceAccount", SERVICE_ACCOUNT_TOKEN);
        canaries.plant("token of Entra", azure::ENTRA_TOKEN);
        canaries.plant("secret of the role", ROLE_SECRET);
        canaries.plant("session of the role", ROLE_SESSION);
        canaries.plant("tokens of Google", "ya29.canary-");
        canaries.plant_key("key of the service account", &google::key().private);
        let round = self.round;
        canaries.plant(format!("token of ECR, round {round}"), ecr_password(round));
        let token = azure::refresh_token("certificate.azurecr.io", &times(round));
        canaries.plant(format!("token of ACR, round {round}"), token);
        for (number, sent) in self.sent().into_iter().enumerate() {
            canaries.plant(format!("sent to an issuer since round {round}, {number}"), sent);
        }
    }

    /// How often Google, Entra and ECR were asked for tokens.
    pub fn asked(&self) -> [usize; 3] {
        let google = self.google.asked().iter().filter(|asked| asked.path == "/token").count();
        [google, self.azure.asked().len(), self.aws[0].asked().len()]
    }

    /// Whether the registry was shown a user name and a password.
    pub fn registry_was_shown_credentials(&self) -> bool {
        self.registry.asked().iter().any(|asked| asked.header("authorization").starts_with("Basic"))
    }

    /// All that they were sent, and what bad ones answer.
    pub fn traffic(&self) -> String {
        let googles = [&self.google, &self.proxy, &self.registry].into_iter().chain(&self.aws);
        let asked: Vec<_> = googles.map(Google::asked).collect();
        let replies = (azure::ENTRA_TOKEN, ROLE_SECRET, ROLE_SESSION, MADE_UP);
        format!("{asked:?} {:?} {replies:?}", self.azure.asked())
    }

    /// Assertions and headers by which somebody is known.
    fn sent(&self) -> BTreeSet<String> {
        const SECRET_FIELDS: [&str; 4] =
            ["assertion", "client_assertion", "subject_token", "WebIdentityToken"];
        let mut sent = BTreeSet::new();
        let googles = [&self.google, &self.proxy, &self.registry].into_iter().chain(&self.aws);
        for asked in googles.flat_map(Google::asked) {
            for name in ["authorization", "proxy-authorization", "x-amz-security-token"] {
                let value = asked.header(name).trim_end_matches('=');
                sent.extend(value.split([' ', '=']).next_back().map(str::to_owned));
            }
            if asked.header("content-type") == "application/x-www-form-urlencoded" {
                let form = asked.form().into_iter();
                let secret = form.filter(|(name, _)| SECRET_FIELDS.contains(&&**name));
                sent.extend(secret.map(|(_, value)| value));
            }
        }
        for asked in self.azure.asked() {
            let fields = asked.fields.into_iter();
            let secret = fields.filter(|(name, _)| SECRET_FIELDS.contains(&&**name));
            sent.extend(secret.map(|(_, value)| value));
        }
        sent.retain(|text| text.len() > 12);
        sent
    }
}

/// The JSON key of the service account, another one in each round.
pub fn google_key(round: u32) -> serde_json::Value {
    json!({
        "type": "service_account",
        "private_key_id": KEY_ID,
        "private_key": google::key().private,
        "client_email": SERVICE_ACCOUNT,
        "client_id": round.to_string(),
        "token_uri": "https://oauth2.googleapis.com/token",
    })
}

/// When tokens of registries are issued, and when they end.
fn times(round: u32) -> serde_json::Value {
    let [issued, end] = azure::TIMES;
    json!([issued, end + i64::from(round)])
}

/// The password of ECR's tokens in a round.
fn ecr_password(round: u32) -> String {
    format!("pX8D{round:02}ecr-token-Bs5Hg7Jm")
}

fn base64(text: &str) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.encode(text)
}

const ROLE_SECRET: &str = "wE2Csecret-of-the-role-Rn4Ub9";
const ROLE_SESSION: &str = "aL6Fsession-of-the-role-Dk1Ox3";
const ROLE: &str = "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>SECRET</SecretAccessKey><SessionToken>SESSION</SessionToken><Expiration>2036-12-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>";

/// Every way of giving no token.
pub fn moods() -> Vec<Mood> {
    let bare = |status, body: serde_json::Value| (status, vec![], body.to_string());
    let retry = vec![("retry-after", MADE_UP.to_owned())];
    let elsewhere = vec![("location", format!("http://127.0.0.1:1/{MADE_UP}?x={MADE_UP}"))];
    let named = vec![("x-amzn-errortype", MADE_UP.to_owned())];
    vec![
        bare(401, json!({"error": "invalid_client", "error_description": "ECHO"})),
        bare(
            400,
            json!({"error": MADE_UP, "error_description": "AADSTS700024: ECHO", "__type": MADE_UP, "message": "ECHO"}),
        ),
        bare(
            403,
            json!({"error": {"status": MADE_UP, "message": "ECHO", "details": [{"reason": MADE_UP}]}}),
        ),
        (500, named, "ECHO".to_owned()),
        (200, vec![], "ECHO".to_owned()),
        bare(
            200,
            json!({"access_token": format!("{MADE_UP}\u{7}"), "refresh_token": format!("{MADE_UP}\n"), "expires_in": 3599, "authorizationData": [{"authorizationToken": MADE_UP}]}),
        ),
        bare(
            200,
            json!({"access_token": 7, "refresh_token": [MADE_UP], "expires_in": MADE_UP, MADE_UP: MADE_UP, "authorizationData": MADE_UP}),
        ),
        (429, retry, "ECHO".to_owned()),
        (307, elsewhere, "ECHO".to_owned()),
    ]
}
