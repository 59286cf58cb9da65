//! placeholder
pub mod cache;
pub mod config;
pub mod flow;
pub mod http;
pub mod jose;
pub mod json;
pub mod oauth;
pub mod rejection;
pub mod report;
pub mod scope;
pub mod secret;
pub mod time;
