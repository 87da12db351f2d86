//! Users and roles of moto. Once told to, it takes only requests that are signed by a key that it knows and
//! allowed by its policies.

use serde_json::{Value, json};

use super::moto::{Moto, client};

/// The role of [`Moto::role`].
pub const ROLE: &str = "arn:aws:iam::123456789012:role/pull";
/// An access key of a user.
pub struct Key {
    /// Its ID.
    pub id: String,
    /// Its secret.
    pub secret: String,
}

impl Moto {
    /// A user who is allowed these actions, by an access key.
    pub async fn user(&self, name: &str, actions: &[&str]) -> Key {
        self.iam(&[("Action", "CreateUser"), ("UserName", name)]).await;
        if !actions.is_empty() {
            let policy = allowing(actions);
            let put = [
                ("Action", "PutUserPolicy"),
                ("UserName", name),
                ("PolicyName", "own"),
                ("PolicyDocument", &policy),
            ];
            self.iam(&put).await;
        }
        let xml = self.iam(&[("Action", "CreateAccessKey"), ("UserName", name)]).await;
        Key { id: element(&xml, "AccessKeyId"), secret: element(&xml, "SecretAccessKey") }
    }

    /// The role [`ROLE`], which is allowed these actions and trusts the user `trusted` with `my-cluster`.
    pub async fn role(&self, actions: &[&str]) {
        let name = ROLE.rsplit('/').next().unwrap();
        let trust = json!({
            "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:user/trusted"},
            "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"sts:ExternalId": "my-cluster"}},
        });
        let trust = json!({"Version": "2012-10-17", "Statement": [trust]}).to_string();
        let create =
            [("Action", "CreateRole"), ("RoleName", name), ("AssumeRolePolicyDocument", &*trust)];
        self.iam(&create).await;
        let policy = allowing(actions);
        let put = [
            ("Action", "PutRolePolicy"),
            ("RoleName", name),
            ("PolicyName", "own"),
            ("PolicyDocument", &policy),
        ];
        self.iam(&put).await;
    }

    /// Verifies signatures and policies from now on, after this many requests more.
    pub async fn verifies_after(&self, requests: u8) {
        let request = client()
            .post(format!("{}/moto-api/reset-auth", self.url))
            .header("content-type", "text/plain")
            .body(requests.to_string());
        request.send().await.unwrap().error_for_status().unwrap();
    }

    /// Credentials of the role, as an agent gives them to whoever asks it.
    pub async fn session(&self) -> Value {
        let assume = [("Action", "AssumeRole"), ("RoleArn", ROLE), ("RoleSessionName", "agent")];
        let xml = self.post("sts", &assume).await;
        let of = |name| element(&xml, name);
        json!({
            "AccessKeyId": of("AccessKeyId"), "SecretAccessKey": of("SecretAccessKey"),
            "Token": of("SessionToken"), "Expiration": of("Expiration"), "AccountId": "123456789012",
        })
    }

    async fn iam(&self, form: &[(&str, &str)]) -> String {
        self.post("iam", form).await
    }

    async fn post(&self, service: &str, form: &[(&str, &str)]) -> String {
        let scope = format!("Credential=root/20260101/us-east-1/{service}/aws4_request");
        let signature = format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0");
        let request = client().post(&self.url).header("authorization", signature).form(form);
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{form:?}: {status}: {text}");
        text
    }
}

fn allowing(actions: &[&str]) -> String {
    let statement = json!({"Effect": "Allow", "Action": actions, "Resource": "*"});
    json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
}

/// The text of an element of XML.
fn element(xml: &str, name: &str) -> String {
    let (_, rest) = xml.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("{xml}"));
    rest.split_once('<').unwrap().0.to_owned()
}
