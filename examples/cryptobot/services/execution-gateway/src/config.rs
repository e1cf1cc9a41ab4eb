//! What the process is told: its environment, and the JSON file named by `CRYPTOBOT_CONFIG`.
//!
//! `X_FILE` wins over `X`, and a variable in upper case wins over the setting of the same name.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

/// The part of the JSON document that this service reads.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Document {
    environment: String,
    settings: BTreeMap<String, Value>,
    urls: BTreeMap<String, String>,
}

#[derive(Debug, Clone)]
pub struct Config {
    pub environment: String,
    pub listen: String,
    pub database_url: String,
    pub exchange_url: String,
    /// Base URL of each service that this one calls, by name.
    pub calls: BTreeMap<String, String>,
    /// PEM text of the key that user tokens are verified with.
    pub public_key: Option<String>,
    /// Shared secret of tokens between services.
    pub service_key: Option<String>,
    pub log_level: String,
    pub read_only: bool,
    pub pool_size: u32,
    pub exchange_timeout: Duration,
    /// How long requests in flight may take after SIGTERM.
    pub drain: Duration,
}

/// Where values come from; a test gives its own.
pub trait Source {
    fn variable(&self, name: &str) -> Option<String>;
    fn file(&self, path: &str) -> Result<String, String>;

    /// The content of the file that `<name>_FILE` names, else the variable itself. Empty is absent.
    fn value(&self, name: &str) -> Result<Option<String>, String> {
        let found = match self.variable(&format!("{name}_FILE")).filter(|path| !path.is_empty()) {
            Some(path) => Some(self.file(&path)?),
            None => self.variable(name),
        };
        Ok(found.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()))
    }
}

pub struct Process;

impl Source for Process {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn file(&self, path: &str) -> Result<String, String> {
        std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))
    }
}

impl Config {
    pub fn load(source: &impl Source) -> Result<Self, String> {
        let document = match source.variable("CRYPTOBOT_CONFIG") {
            Some(path) => serde_json::from_str(&source.file(&path)?).map_err(|error| format!("{path}: {error}"))?,
            None => Document::default(),
        };
        let setting = |name: &str| -> Option<String> {
            source.variable(&name.to_uppercase()).or_else(|| match document.settings.get(name)? {
                Value::Null => None,
                Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            })
        };
        let calls = match document.urls.is_empty() {
            false => document.urls.clone(),
            true => source.variable("TRADING_API_URL").map(|url| ("trading-api".to_owned(), url)).into_iter().collect(),
        };
        Ok(Self {
            listen: source.variable("LISTEN").unwrap_or_else(|| "127.0.0.1:3000".to_owned()),
            database_url: source
                .value("DATABASE_URL")?
                .ok_or("DATABASE_URL is not set. Example: postgresql://gateway@/gateway?host=/run/postgresql")?,
            exchange_url: setting("exchange_url").unwrap_or_default().trim_end_matches('/').to_owned(),
            calls,
            public_key: source.value("JWT_PUBLIC_KEY")?,
            service_key: source.value("SERVICE_KEY")?,
            log_level: setting("log_level").unwrap_or_else(|| "info".to_owned()),
            read_only: parse("read_only", setting("read_only"), false)?,
            pool_size: parse("pool_size", setting("pool_size"), 8)?,
            exchange_timeout: Duration::from_secs(parse("exchange_timeout_seconds", setting("exchange_timeout_seconds"), 5)?),
            drain: Duration::from_secs(parse("drain_seconds", setting("drain_seconds"), 20)?),
            environment: source.variable("CRYPTOBOT_ENVIRONMENT").unwrap_or(document.environment),
        })
    }
}

fn parse<T: std::str::FromStr>(name: &str, text: Option<String>, default: T) -> Result<T, String> {
    match text {
        None => Ok(default),
        Some(text) => {
            text.to_lowercase().parse().map_err(|_| format!("setting {name}: {text:?} is not {}", std::any::type_name::<T>()))
        }
    }
}

/// libpq takes a URL without a host (`postgresql://user@/db?host=/run/postgresql`); the URL parser of sqlx does not.
pub fn with_host(url: &str) -> String {
    url.replacen("@/", "@localhost/", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Given(&'static [(&'static str, &'static str)], &'static [(&'static str, &'static str)]);

    impl Source for Given {
        fn variable(&self, name: &str) -> Option<String> {
            self.0.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_string())
        }

        fn file(&self, path: &str) -> Result<String, String> {
            let found = self.1.iter().find(|(key, _)| *key == path).map(|(_, value)| value.to_string());
            found.ok_or(format!("{path}: no such file"))
        }
    }

    const DATABASE: (&str, &str) = ("DATABASE_URL", "postgresql://gateway@/gateway?host=/run/postgresql");

    #[test]
    fn a_file_wins_over_its_variable_and_loses_its_line_end() {
        let given = Given(&[DATABASE, ("SERVICE_KEY", "inline"), ("SERVICE_KEY_FILE", "/key")], &[("/key", "secret\n")]);
        assert_eq!(Config::load(&given).unwrap().service_key.as_deref(), Some("secret"));
    }

    #[test]
    fn a_variable_wins_over_the_setting_of_its_name() {
        let json = r#"{"environment": "staging", "settings": {"read_only": true, "pool_size": 3},
                       "urls": {"trading-api": "http://127.0.0.1:28020"}}"#;
        static VARIABLES: &[(&str, &str)] = &[DATABASE, ("CRYPTOBOT_CONFIG", "/c.json"), ("READ_ONLY", "False")];
        let config = Config::load(&Given(VARIABLES, Box::leak(Box::new([("/c.json", json)])))).unwrap();
        assert_eq!((config.read_only, config.pool_size, config.environment.as_str()), (false, 3, "staging"));
        assert_eq!(config.calls["trading-api"], "http://127.0.0.1:28020");
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(Config::load(&Given(&[], &[])).unwrap_err().contains("DATABASE_URL"));
        let wrong = Config::load(&Given(&[DATABASE, ("POOL_SIZE", "many")], &[])).unwrap_err();
        assert!(wrong.contains("pool_size") && wrong.contains("many"), "{wrong}");
        assert!(Config::load(&Given(&[DATABASE, ("JWT_PUBLIC_KEY_FILE", "/gone")], &[])).unwrap_err().contains("/gone"));
    }

    #[test]
    fn a_url_without_a_host_gets_one_and_others_stay() {
        let socket = with_host("postgresql://gateway@/gateway?host=/run/postgresql");
        assert_eq!(socket, "postgresql://gateway@localhost/gateway?host=/run/postgresql");
        let host = "postgresql://gateway:p%40@10.0.0.5:5432/gateway";
        assert_eq!(with_host(host), host);
    }
}
