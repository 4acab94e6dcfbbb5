use domain::api_keys::{CreatedApiKey, NewApiKey};
use domain::{Actor, Name, Role, Scope};
use platform::{api_keys, members, projects, users};
use secrecy::SecretString;

use crate::TestPlatform;

/// Everybody's.
pub const PASSWORD: &str = "tulip anvil fjord lantern";

const SYSTEM: Actor = Actor::System { name: "test" };

/// # Panics
/// When the platform refuses what a test begins with: then that is what failed.
impl TestPlatform {
    /// `ada@example.com`, admin of `default`.
    pub async fn admin(&self) -> Actor {
        let user = users::create(
            self,
            "ada@example.com",
            "Ada",
            &SecretString::from(PASSWORD),
        )
        .await;
        let user = user.expect("the address is free");
        Actor::User {
            id: user.id,
            email: user.email,
        }
    }

    /// The project `default`.
    pub fn project(&self) -> Name {
        Name::new(users::FIRST_PROJECT).expect("a constant")
    }

    /// A project without members.
    pub async fn new_project(&self, name: &str) -> Name {
        let name = Name::new(name).expect("a name");
        projects::create(self, &SYSTEM, &name)
            .await
            .expect("the name is free");
        name
    }

    /// A new user, member of the project.
    pub async fn member(&self, project: &Name, email: &str, role: Role) -> Actor {
        let user = users::create(self, email, email, &SecretString::from(PASSWORD))
            .await
            .expect("the address is free");
        members::add(self, &SYSTEM, project, email, role)
            .await
            .expect("not a member yet");
        Actor::User {
            id: user.id,
            email: user.email,
        }
    }

    /// A new key of the project, and who presents it.
    pub async fn key(&self, project: &Name, scopes: &[Scope]) -> (CreatedApiKey, Actor) {
        let new = NewApiKey {
            name: "test".to_owned(),
            scopes: scopes.to_vec(),
            expires_at: None,
            rate_limit: None,
            budget: None,
        };
        let created = api_keys::create(self, &SYSTEM, project, new)
            .await
            .expect("the project is there");
        let presented = SecretString::from(created.key.as_str());
        let actor = api_keys::find(self, &presented)
            .await
            .expect("the database is there")
            .expect("a new key is good");
        (created, actor)
    }
}
