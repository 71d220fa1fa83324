//! How this program shows ZooKeeper who it is, and whom it trusts: as the JobManager's JVM was told.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use rustls::ClientConfig;

use super::jaas::{self, JaasError, Module};
use tls::{
    self,
    store::{Store, StoreError},
};

const SECURE: &str = "zookeeper.client.secure";
const LOGIN_FILE: &str = "java.security.auth.login.config";
const VERIFY_NAME: &str = "zookeeper.ssl.hostnameVerification";

/// What ZooKeeper's client can check and this program cannot.
const CHECKS: [&str; 2] = ["zookeeper.ssl.crl", "zookeeper.ssl.ocsp"];

const KERBEROS_CLASS: &str = "Krb5LoginModule";
/// In Flink the class is in another package than in ZooKeeper.
const DIGEST_CLASS: &str = ".zookeeper.server.auth.DigestLoginModule";

/// The system properties of a JVM.
pub type Properties = BTreeMap<String, String>;

#[derive(Clone, Default)]
pub struct Security {
    pub tls: Option<Arc<ClientConfig>>,
    pub login: Login,
}

#[derive(Clone, Default, PartialEq, Eq)]
pub enum Login {
    #[default]
    None,
    Digest {
        user: String,
        password: String,
    },
    /// The JobManager does so, this program cannot.
    Kerberos,
}

#[derive(Debug, thiserror::Error)]
pub enum SecurityError {
    #[error("-D{option} is `{value}`, expected {expected}")]
    Value { option: &'static str, value: String, expected: &'static str },
    #[error("-D{SECURE}=true is given without -D{option}, expected {expected}")]
    Missing { option: String, expected: &'static str },
    #[error("-D{option}")]
    Store {
        option: String,
        #[source]
        source: StoreError,
    },
    #[error("failed to read {}, which -D{option} names", path.display())]
    Unreadable {
        option: String,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{}, which -D{LOGIN_FILE} names", path.display())]
    Logins {
        path: PathBuf,
        #[source]
        source: JaasError,
    },
    #[error(
        "the section {section} of {}, which -D{LOGIN_FILE} names, has neither a DigestLoginModule with username and \
         password nor a Krb5LoginModule",
        path.display()
    )]
    Login { path: PathBuf, section: String },
    #[error("the key of -Dzookeeper.ssl.keyStore.location does not fit its certificate")]
    Identity(#[source] rustls::Error),
    #[error("cannot set up TLS")]
    Tls(#[source] rustls::Error),
}

/// How clients of ZooKeeper log in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sasl {
    pub disabled: bool,
    /// Of Java's file of logins.
    pub section: String,
    /// Flink logs in by Kerberos, whatever that file says.
    pub by_kerberos: bool,
}

impl Security {
    pub fn read(java: &Properties, sasl: &Sasl) -> Result<Self, SecurityError> {
        Ok(Self { tls: tls(java)?, login: login(java, sasl)? })
    }
}

fn tls(java: &Properties) -> Result<Option<Arc<ClientConfig>>, SecurityError> {
    if !boolean(java, SECURE, false)? {
        return Ok(None);
    }
    for option in CHECKS {
        if boolean(java, option, false)? {
            let value = "true".to_owned();
            return Err(SecurityError::Value {
                option,
                value,
                expected: "`false`: this program cannot do that",
            });
        }
    }
    if !boolean(java, VERIFY_NAME, true)? {
        let expected = "`true`: this program connects only to servers whose certificate has their name";
        return Err(SecurityError::Value { option: VERIFY_NAME, value: "false".to_owned(), expected });
    }
    let trust = store(java, "trustStore")?.ok_or_else(|| SecurityError::Missing {
        option: location("trustStore"),
        expected: "a file with the authorities to trust, PEM or PKCS#12",
    })?;
    let option = |name: &str| {
        let option = location(name);
        move |source| SecurityError::Store { option, source }
    };
    let roots = trust.roots().map_err(option("trustStore"))?;
    let builder = tls::client().map_err(SecurityError::Tls)?.with_root_certificates(roots);
    let config = match store(java, "keyStore")? {
        None => builder.with_no_client_auth(),
        Some(store) => {
            let (key, certificates) = store.key_chain().map_err(option("keyStore"))?;
            builder.with_client_auth_cert(certificates, key).map_err(SecurityError::Identity)?
        }
    };
    Ok(Some(Arc::new(config)))
}

fn location(name: &str) -> String {
    format!("zookeeper.ssl.{name}.location")
}

/// `name` is `keyStore` or `trustStore`.
fn store(java: &Properties, name: &str) -> Result<Option<Store>, SecurityError> {
    let Some(path) = java.get(&location(name)) else { return Ok(None) };
    let password = match java.get(&format!("zookeeper.ssl.{name}.password")) {
        Some(password) => password.clone(),
        None => {
            let option = format!("zookeeper.ssl.{name}.passwordPath");
            java.get(&option).map(|path| content(&option, path)).transpose()?.unwrap_or_default()
        }
    };
    Ok(Some(Store { path: path.into(), key_password: password.clone(), password }))
}

fn content(option: &str, path: &str) -> Result<String, SecurityError> {
    let text = fs::read_to_string(path).map_err(|source| SecurityError::Unreadable {
        option: option.to_owned(),
        path: path.into(),
        source,
    })?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

fn login(java: &Properties, sasl: &Sasl) -> Result<Login, SecurityError> {
    if sasl.disabled {
        return Ok(Login::None);
    }
    if sasl.by_kerberos {
        return Ok(Login::Kerberos);
    }
    let Some(path) = java.get(LOGIN_FILE) else { return Ok(Login::None) };
    let text = content(LOGIN_FILE, path)?;
    let path = PathBuf::from(path);
    match jaas::section(&text, &sasl.section) {
        Err(source) => Err(SecurityError::Logins { path, source }),
        // Java's client too goes on without.
        Ok(None) => Ok(Login::None),
        Ok(Some(modules)) => modules
            .iter()
            .find_map(login_of)
            .ok_or_else(|| SecurityError::Login { path, section: sasl.section.clone() }),
    }
}

fn login_of(module: &Module) -> Option<Login> {
    if module.class.ends_with(KERBEROS_CLASS) {
        return Some(Login::Kerberos);
    }
    if !module.class.ends_with(DIGEST_CLASS) {
        return None;
    }
    let option = |name: &str| module.options.get(name).cloned();
    Some(Login::Digest { user: option("username")?, password: option("password")? })
}

fn boolean(java: &Properties, option: &'static str, default: bool) -> Result<bool, SecurityError> {
    match java.get(option).map(|value| value.trim().to_ascii_lowercase()).as_deref() {
        None => Ok(default),
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        Some(value) => {
            Err(SecurityError::Value { option, value: value.to_owned(), expected: "`true` or `false`" })
        }
    }
}
