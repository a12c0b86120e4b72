// Stands in for the part of the client's Rust tests that starts servers in containers: the server runs already, and
// its addresses are in the environment. The tests themselves are the client's own, unchanged.
use fluss::client::FlussConnection;
use fluss::config::Config;
use std::collections::HashMap;
use std::path::PathBuf;

fn address(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

pub struct FlussTestingClusterBuilder {
    users: Vec<(String, String)>,
}

impl FlussTestingClusterBuilder {
    pub fn new_with_cluster_conf(_name: impl Into<String>, _conf: &HashMap<String, String>) -> Self {
        Self { users: Vec::new() }
    }

    pub fn with_sasl(mut self, users: Vec<(String, String)>) -> Self {
        self.users = users;
        self
    }

    pub fn with_remote_data_dir(self, _folder: PathBuf) -> Self {
        self
    }

    pub async fn build(&mut self) -> FlussTestingCluster {
        FlussTestingCluster {
            plain: address("FLUSS_BOOTSTRAP_SERVERS"),
            sasl: address("FLUSS_SASL_BOOTSTRAP_SERVERS"),
            users: self.users.clone(),
        }
    }
}

#[derive(Clone)]
pub struct FlussTestingCluster {
    plain: String,
    sasl: String,
    users: Vec<(String, String)>,
}

impl FlussTestingCluster {
    pub fn stop(&self) {}

    pub fn sasl_users(&self) -> &[(String, String)] {
        &self.users
    }

    pub fn plaintext_bootstrap_servers(&self) -> &str {
        &self.plain
    }

    #[allow(dead_code)]
    pub fn plaintext_tablet_bootstrap_server(&self, _server_id: u16) -> Option<&str> {
        Some(&self.plain)
    }

    pub async fn get_fluss_connection(&self) -> FlussConnection {
        let config = Config {
            writer_acks: "all".to_string(),
            bootstrap_servers: self.plain.clone(),
            ..Default::default()
        };
        FlussConnection::new(config).await.expect("no connection")
    }

    pub async fn get_fluss_connection_with_sasl(&self, user: &str, secret: &str) -> FlussConnection {
        self.try_fluss_connection_with_sasl(user, secret).await.expect("no connection")
    }

    pub async fn try_fluss_connection_with_sasl(
        &self,
        user: &str,
        secret: &str,
    ) -> fluss::error::Result<FlussConnection> {
        let config = Config {
            writer_acks: "all".to_string(),
            bootstrap_servers: self.sasl.clone(),
            security_protocol: "sasl".to_string(),
            security_sasl_mechanism: "PLAIN".to_string(),
            security_sasl_username: user.to_string(),
            security_sasl_password: secret.to_string(),
            ..Default::default()
        };
        FlussConnection::new(config).await
    }
}
