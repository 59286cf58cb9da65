//! The secrets of a configuration, in the forms in which another server gets to know them.

use super::issuers::Validation;
use super::plan::UpstreamCredential;
use crate::oauth::client_auth::ClientAuthentication;
use crate::oauth::form::Form;
use crate::secret::Secret;

/// All of them: passwords of clients, alone and as credentials of a Basic header, parameters and header fields of
/// introspection, configured actor tokens, and the secret that signs tokens.
pub fn of(validation: &Validation, credential: &UpstreamCredential, signing: Option<&Secret>) -> Vec<Secret> {
    let mut secrets: Vec<Secret> = signing.into_iter().cloned().collect();
    for introspection in validation.introspections() {
        add_client(&mut secrets, &introspection.client);
        let arguments = introspection.arguments.iter().filter(|(name, _)| *name != "token_type_hint");
        secrets.extend(arguments.map(|(_, value)| value.clone()));
        introspection.headers.iter().for_each(|(_, value)| add_field(&mut secrets, value));
    }
    for leg in credential.legs() {
        add_client(&mut secrets, &leg.client);
        secrets.extend(leg.configured_actor().cloned());
    }
    secrets
}

fn add_client(secrets: &mut Vec<Secret>, client: &ClientAuthentication) {
    secrets.extend(client.secret().cloned());
    let mut headers = Vec::new();
    client.apply(&mut Form::new(), &mut headers);
    headers.iter().for_each(|(_, value)| add_field(secrets, value));
}

/// The value of a header field, and what follows a scheme in it.
fn add_field(secrets: &mut Vec<Secret>, value: &Secret) {
    secrets.push(value.clone());
    secrets.extend(value.expose().split_once(' ').map(|(_, credentials)| Secret::new(credentials)));
}
