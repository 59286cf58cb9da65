//! The examples of RFC 7515 appendix A, RFC 7520 section 4 and RFC 8037 appendix A.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use token_exchange::jose::jwk::JwkSet;
use token_exchange::jose::jws::{Jws, JwsError};
use token_exchange::jose::key::VerificationKey;
use token_exchange::token::jwt::{VerificationError, VerifiedJwt};

fn verify(key: &Value, token: &str) -> Result<VerifiedJwt, VerificationError> {
    let jws = Jws::parse(token).unwrap();
    if key["kty"] == "oct" {
        let secret = URL_SAFE_NO_PAD.decode(key["k"].as_str().unwrap()).unwrap();
        let secret = VerificationKey::shared_secret(&secret).unwrap();
        return VerifiedJwt::verify_with_secret(&jws, &secret).map_err(|unverified| unverified.error);
    }
    let keys = JwkSet::parse(format!(r#"{{"keys":[{key}]}}"#).as_bytes()).unwrap();
    VerifiedJwt::verify(&jws, &keys).map_err(|unverified| unverified.error)
}

/// Some examples sign prose. Their signature is valid, and that they are no JWT is all there is to
/// say against them.
#[test]
fn every_example_verifies() {
    let examples: Vec<Value> = serde_json::from_str(include_str!("rfc_examples.json")).unwrap();
    for example in &examples {
        let (source, token) = (&example["source"], example["compact"].as_str().unwrap());
        let payload = example["payload"].as_str().unwrap();
        match verify(&example["key"], token) {
            Ok(jwt) => {
                let claims: Value = serde_json::from_str(payload).unwrap();
                assert_eq!(jwt.claims().get("iss"), Some(&claims["iss"]), "{source}");
            }
            Err(VerificationError::Payload(_)) => {
                assert!(serde_json::from_str::<Value>(payload).is_err(), "{source}");
            }
            Err(error) => panic!("{source}: {error}"),
        }
        let (signing_input, signature) = token.rsplit_once('.').unwrap();
        let mut altered = URL_SAFE_NO_PAD.decode(signature).unwrap();
        altered[9] ^= 1;
        let altered = format!("{signing_input}.{}", URL_SAFE_NO_PAD.encode(altered));
        assert_eq!(verify(&example["key"], &altered).unwrap_err(), VerificationError::Signature, "{source}");
    }
    super::announce(&format!("{} examples of RFC 7515, 7520 and 8037", examples.len()));
    assert_eq!(examples.len(), 9);
}

#[test]
fn the_unsecured_example_of_rfc_7515_is_refused() {
    let token = "eyJhbGciOiJub25lIn0.\
                 eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.";
    assert_eq!(Jws::parse(token).err(), Some(JwsError::Algorithm));
}
