//! ORDER: what happens next.
//!
//! A request is [`locate`]d (which credentials it carries), [`validate`]d (whether its token is
//! good), [`exchange`]d (which token the upstream gets) and rewritten ([`rewrite`]: which headers
//! change). Each stage says what comes next or returns a [`Rejection`]; one line turns that into
//! the answer. Between two steps the request is a [`Pending`], handed out and taken back by move.

mod answer;
mod exchange;
mod introspect;
mod keys;
mod locate;
mod metadata;
mod rewrite;
mod signature;
pub mod step;
mod validate;
mod validated;

use crate::cache::entry::EntrySeal;
use crate::cache::memory::Memory;
use crate::cache::shared::SharedTier;
use crate::cache::tiers::Tiers;
use crate::config::ConfigError;
use crate::http::{Callout, RequestHead};
use crate::policy::{Policy, SharedData};
use crate::rejection::{AtFault, Callee, ChallengeContext, Rejection};
use crate::report::{Level, Report};
use crate::time::UnixTime;
use locate::Located;
use step::{Environment, Event, HostTraits, Step};

/// One plugin configuration at work: its policy and what it remembers.
#[derive(Debug)]
pub struct ResourceServer {
    policy: Policy,
    host: HostTraits,
    challenges: ChallengeContext,
    metadata: metadata::MetadataPages,
    exchange_key: exchange::KeyPrefix,
    remembered: Tiers,
    refused: Memory<()>,
    /// The fetched keys of each issuer that is told by `iss`, in the policy's order.
    keys: Vec<keys::IssuerKeys>,
}

/// The memory for refusals is apart, so that a flood of bad tokens drives out no good one.
const REFUSALS_MAX_BYTES: usize = 256 * 1024;

/// A request between two steps. Opaque, and given back by move: a request ends exactly once.
#[derive(Debug)]
pub struct Pending {
    stage: Stage,
    carried: Carried,
    /// When the answer to the callout is due.
    due: UnixTime,
}

/// What a request takes along from step to step.
#[derive(Debug)]
struct Carried {
    located: Located,
    /// When all callouts must be done.
    deadline: UnixTime,
    /// How many callouts were made.
    callouts: u8,
}

/// The metadata is looked for at two places, the keys are fetched, the token is introspected and
/// exchanged, and exchanged again where the answer that another request brought is for one use.
const MAX_CALLOUTS: u8 = 6;

/// Which answer a request waits for.
#[derive(Debug)]
enum Stage {
    Metadata(signature::KeyFetch),
    Keys(signature::KeyFetch),
    Introspection(introspect::Introspection),
    Exchange(Box<exchange::Exchange>),
}

impl Stage {
    fn callee(&self) -> Callee {
        match self {
            Stage::Metadata(_) => Callee::MetadataEndpoint,
            Stage::Keys(_) => Callee::KeysEndpoint,
            Stage::Introspection(_) => Callee::IntrospectionEndpoint,
            Stage::Exchange(_) => Callee::TokenEndpoint,
        }
    }
}

impl ResourceServer {
    /// Sets up a configuration on a host whose abilities are known.
    ///
    /// # Errors
    /// What the policy asks for and this host cannot do.
    pub fn new(policy: Policy, host: HostTraits) -> Result<ResourceServer, Vec<ConfigError>> {
        if let Some(pointer) =
            policy.needs_client_certificate().filter(|_| !host.presents_client_certificates)
        {
            return Err(vec![ConfigError {
                pointer: pointer.to_owned(),
                message:
                    "this gateway cannot present a client certificate to the authorization server; write \
                          client_secret_basic or client_secret_post"
                        .to_owned(),
            }]);
        }
        let metadata = metadata::MetadataPages::new(&policy, host);
        Ok(ResourceServer {
            challenges: ChallengeContext {
                realm: policy.realm.clone(),
                scope: policy.requirements.scopes_required.first().map(ToString::to_string),
                resource_metadata: metadata.url().to_owned(),
            },
            exchange_key: exchange::KeyPrefix::new(&policy),
            remembered: Tiers::new(policy.cache.max_bytes, shared_tier(&policy)),
            refused: Memory::new(REFUSALS_MAX_BYTES),
            keys: signature::empty_keys(policy.validation.issuers.len()),
            metadata,
            policy,
            host,
        })
    }

    /// What the configuration says of the gateway's shared data; `Off` where nothing would be put
    /// there.
    pub fn shared_data(&self) -> SharedData {
        if self.remembered.is_shared() { self.policy.cache.shared } else { SharedData::Off }
    }

    /// Takes a request whose headers have arrived.
    pub fn begin(&mut self, request: &RequestHead, environment: &mut Environment<'_>) -> Step {
        if let Some(response) = self.metadata.answer(request) {
            return Step::Respond(response);
        }
        let outcome = locate::locate(&self.policy, self.host, request).and_then(|located| {
            let deadline = environment.now.saturating_add(self.policy.request_deadline);
            self.validate(Carried { located, deadline, callouts: 0 }, environment)
        });
        self.conclude(outcome, environment.report)
    }

    /// Takes a request back with what its callout brought.
    pub fn resume(&mut self, pending: Pending, event: Event<'_>, environment: &mut Environment<'_>) -> Step {
        let Event::Called { outcome, joined } = event else {
            return self.conclude(Err(Rejection::Internal), environment.report);
        };
        let callee = pending.stage.callee();
        let answer = answer::whole(outcome, callee, pending.due, environment);
        let carried = pending.carried;
        let resumed = match pending.stage {
            Stage::Metadata(fetch) => self.metadata_fetched(carried, &fetch, answer, joined, environment),
            Stage::Keys(fetch) => self.keys_fetched(carried, &fetch, answer, joined, environment),
            Stage::Introspection(introspection) => answer
                .and_then(|answer| self.introspected(carried, introspection, answer, joined, environment)),
            Stage::Exchange(exchange) => {
                answer.and_then(|answer| self.exchanged(carried, *exchange, answer, joined, environment))
            }
        };
        self.conclude(resumed, environment.report)
    }

    /// Sends `callout`, within what is left of the request's time.
    fn call(
        &self,
        mut callout: Callout,
        stage: Stage,
        mut carried: Carried,
        environment: &Environment<'_>,
    ) -> Result<Step, Rejection> {
        carried.callouts = carried.callouts.saturating_add(1);
        if carried.callouts > MAX_CALLOUTS {
            return Err(Rejection::Internal);
        }
        let left = environment.now.until(carried.deadline);
        if left.is_zero() {
            return Err(Rejection::TimedOut(stage.callee()));
        }
        callout.timeout = self.policy.timeout.min(left);
        let due = environment.now.saturating_add(callout.timeout);
        Ok(Step::Call(callout, Pending { stage, carried, due }))
    }

    /// The one place where a rejection becomes an answer.
    fn conclude(&self, outcome: Result<Step, Rejection>, report: &mut Report) -> Step {
        let rejection = match outcome {
            Ok(step) => return step,
            Err(rejection) => rejection,
        };
        let level = match rejection.at_fault() {
            AtFault::Client => Level::Debug,
            AtFault::AuthorizationServer => Level::Warn,
            AtFault::Operator => Level::Error,
        };
        report.add(level, format!("answered {}: {}", rejection.status(), rejection.description()));
        Step::Respond(rejection.respond(&self.challenges))
    }
}

/// The shared tier, where the policy wants one and has a secret to seal its entries with.
fn shared_tier(policy: &Policy) -> Option<SharedTier> {
    let secrets = policy.secrets_digest().filter(|_| policy.cache.shared != SharedData::Off)?;
    let seal = EntrySeal::new(&secrets, &policy.digest)?;
    Some(SharedTier::new(seal, policy.cache.shared_slots))
}
