//! What must hold for tokens that are refused, however keys rotate and fail, and whatever the clock does.

use crate::signing::{self, Signer, key_set, signing_input};
use crate::story::{self, START, Story};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::sync::OnceLock;
use token_exchange::http::CalloutFailure;
use token_exchange::jose::alg::Algorithm;
use token_exchange::jose::jwk::JwkSet;

const ISSUER: &str = "https://as.example.com";
const AUDIENCE: &str = "https://api.example.com/mcp";

/// As many steps are taken.
const MAX_STEPS: usize = 64;

/// What the issuer publishes at one time or another, and the tokens that are sent.
struct World {
    sets: Vec<(Value, JwkSet)>,
    tokens: Vec<String>,
}

/// Steps of two bytes each: what happens, and to what. A token is sent, the issuer publishes other keys or none, or time
/// passes, or is set back.
///
/// A token is refused for its signature only where the key set at hand does not verify it, which is the last that was
/// fetched; it is forwarded only where that set does. What could not be decided is 503, and asks to come again; where
/// the issuer publishes a set without keys, the request that fetches it is 502.
pub fn refused_tokens(data: &[u8]) {
    let world = world();
    let config = json!({
        "resource": AUDIENCE, "authorization_servers": [ISSUER], "passthrough_credentials": true,
        "jwks_endpoint": "https://as.example.com/jwks", "jwks_cache_ttl": 100
    });
    let mut story = Story::new(&config);
    let (mut now, mut published, mut at_hand) = (10_000.0, Some(0), None);
    for step in data.chunks_exact(2).take(MAX_STEPS) {
        let (action, argument, seconds) = (step[0], usize::from(step[1]), f64::from(step[1]) / 2.0);
        match action % 8 {
            0 => published = Some(argument % world.sets.len()),
            1 => published = None,
            2 => now += seconds,
            3 => now -= seconds / 2.0,
            _ => {
                let token = &world.tokens[argument % world.tokens.len()];
                let mut ending = story.at(now).begin(story::with_token(token));
                while ending.is_none() {
                    let outcome = match published {
                        Some(set) => story::answer(200, &world.sets[set].0),
                        None => story::failed(CalloutFailure::Unreachable),
                    };
                    at_hand = published.or(at_hand);
                    ending = story.resume(&outcome);
                }
                let ending = ending.expect("the loop ends with one");
                let set = at_hand.map(|set| &world.sets[set].1);
                let verifies = set.map(|set| signing::verify(token, set).is_ok());
                match ending.status() {
                    None => assert_eq!(verifies, Some(true), "{token} is forwarded"),
                    Some(401) => assert_eq!(verifies, Some(false), "{token} is refused"),
                    Some(502) => {
                        assert!(set.is_some_and(JwkSet::is_empty), "{token}: the issuer stands by none")
                    }
                    Some(503) => assert!(ending.answer_header("retry-after").is_some()),
                    status => panic!("{token}: {status:?}"),
                }
            }
        }
    }
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        // Of one algorithm, so that each is tried on what the other has signed.
        let (first, second) = (Signer::new(Algorithm::Rs256), Signer::rsa(Algorithm::Rs256, "other_rsa"));
        let dear = Signer::new(Algorithm::Es512);
        let sets = [
            vec![first.jwk_named("a")],
            vec![second.jwk_named("b")],
            vec![first.jwk_named("a"), second.jwk_named("b")],
            vec![first.jwk()],
            vec![second.jwk(), first.jwk_named("b")],
            vec![dear.jwk(), dear.jwk(), dear.jwk_named("a"), second.jwk()],
            Vec::new(),
        ];
        let claims = json!({"iss": ISSUER, "sub": "u1", "aud": AUDIENCE, "exp": START + 1_000_000});
        let mut tokens = Vec::new();
        for (signer, algorithm, bytes) in [
            (&first, Algorithm::Rs256, 256),
            (&second, Algorithm::Rs256, 256),
            (&dear, Algorithm::Es512, 132),
        ] {
            for kid in [None, Some("a"), Some("b"), Some("c")] {
                tokens.push(signer.token(kid, &claims));
                let mut header = json!({"alg": algorithm.as_str()});
                story::merge(&mut header, &json!({ "kid": kid }));
                let signature = URL_SAFE_NO_PAD.encode(vec![1; bytes]);
                tokens
                    .push(format!("{}.{signature}", signing_input(&header.to_string(), &claims.to_string())));
            }
        }
        World { sets: sets.map(|keys| (json!({ "keys": keys }), key_set(&keys))).to_vec(), tokens }
    })
}
