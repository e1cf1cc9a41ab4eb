//! Who asks: a user's token, signed by auth with ES256, or a service's, with the HS256 secret that services share.

use base64::{engine::general_purpose::STANDARD, Engine};
use jsonwebtoken::{decode, decode_header, Algorithm, DecodingKey, Validation};
use serde::Deserialize;

const ISSUER: &str = "cryptobot";
const USERS: &str = "cryptobot";
const SERVICES: &str = "internal";

#[derive(Debug, Clone, PartialEq)]
pub struct Caller {
    pub subject: String,
    /// A service sees the orders of every user.
    pub internal: bool,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
}

pub struct Verifier {
    users: Option<DecodingKey>,
    services: Option<DecodingKey>,
}

impl Verifier {
    pub fn new(public_key: Option<&str>, service_key: Option<&str>) -> Result<Self, String> {
        Ok(Self {
            users: public_key.map(point).transpose()?.map(|point| DecodingKey::from_ec_der(&point)),
            services: service_key.map(|key| DecodingKey::from_secret(key.as_bytes())),
        })
    }

    /// The algorithm that the token names chooses the key, so neither key ever verifies the other's tokens.
    pub fn caller(&self, token: &str) -> Result<Caller, String> {
        let algorithm = decode_header(token).map_err(|error| error.to_string())?.alg;
        let (key, audience) = match algorithm {
            Algorithm::ES256 => (self.users.as_ref(), USERS),
            Algorithm::HS256 => (self.services.as_ref(), SERVICES),
            other => return Err(format!("algorithm {other:?} is not accepted")),
        };
        let mut validation = Validation::new(algorithm);
        validation.leeway = 5;
        validation.set_audience(&[audience]);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let key = key.ok_or_else(|| format!("no key for {algorithm:?} tokens"))?;
        let claims = decode::<Claims>(token, key, &validation).map_err(|error| error.to_string())?.claims;
        Ok(Caller { subject: claims.sub, internal: audience == SERVICES })
    }
}

/// The curve point of a P-256 public key in PEM. Its SubjectPublicKeyInfo (RFC 5480) is always these 26 bytes and the point.
fn point(pem: &str) -> Result<Vec<u8>, String> {
    const PREFIX: [u8; 26] = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, // id-ecPublicKey
        0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, // prime256v1
    ];
    let text = pem.replace("\\n", "\n");
    let body: String = text.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
    let der = STANDARD.decode(body).map_err(|error| format!("JWT_PUBLIC_KEY is no PEM: {error}"))?;
    match der.strip_prefix(&PREFIX) {
        Some(point) if point.len() == 65 && point[0] == 4 => Ok(point.to_vec()),
        _ => Err("JWT_PUBLIC_KEY is no public key of the curve P-256. Make one: openssl ec -in key.pem -pubout".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{encode, EncodingKey, Header};

    fn service_token(key: &str, subject: &str, expires: u64) -> String {
        let claims = serde_json::json!({"iss": ISSUER, "aud": SERVICES, "sub": subject, "exp": expires, "jti": "1"});
        encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(key.as_bytes())).unwrap()
    }

    const PUBLIC: &str = include_str!("../tests/jwt_public.pem");
    const TOKEN: &str = include_str!("../tests/user_token.txt");
    const FAR: u64 = 4_000_000_000;

    #[test]
    fn a_users_token_is_verified_with_the_public_key() {
        let verifier = Verifier::new(Some(PUBLIC), None).unwrap();
        assert_eq!(verifier.caller(TOKEN.trim()), Ok(Caller { subject: "42".to_owned(), internal: false }));
        let mut forged = TOKEN.trim().to_owned();
        forged.replace_range(forged.len() - 6..forged.len() - 4, "AA");
        assert!(verifier.caller(&forged).is_err());
    }

    #[test]
    fn a_services_token_needs_the_shared_key_and_its_time() {
        let verifier = Verifier::new(None, Some("shared")).unwrap();
        let caller = verifier.caller(&service_token("shared", "trade", FAR)).unwrap();
        assert_eq!(caller, Caller { subject: "trade".to_owned(), internal: true });
        assert!(verifier.caller(&service_token("other", "trade", FAR)).is_err());
        assert!(verifier.caller(&service_token("shared", "trade", 1)).is_err());
    }

    #[test]
    fn the_public_key_never_serves_as_a_shared_secret() {
        let verifier = Verifier::new(Some(PUBLIC), None).unwrap();
        assert!(verifier.caller(&service_token(PUBLIC, "trade", FAR)).is_err());
    }

    #[test]
    fn a_key_in_one_line_is_read_and_another_kind_refused() {
        assert!(Verifier::new(Some(&PUBLIC.replace('\n', "\\n")), None).is_ok());
        assert!(Verifier::new(Some("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"), None).is_err());
    }
}
