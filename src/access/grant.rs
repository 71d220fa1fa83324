//! What a caller may do.

use std::fmt;
use std::sync::Arc;

use conf::keys;

/// What callers may do with clusters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Look at all of them.
    View,
    /// Change those whose Mesos role and user its entry names, too.
    Edit,
    /// Change all of them.
    Admin,
}

impl Role {
    pub const ALL: [Self; 3] = [Self::View, Self::Edit, Self::Admin];

    pub fn word(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Edit => "edit",
            Self::Admin => "admin",
        }
    }

    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }
}

/// What a cluster takes whose specification names nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Defaults {
    /// Those of the dispatcher's framework: the cluster may get offers to each of them.
    pub roles: Vec<String>,
    pub user: Option<String>,
}

/// A Mesos role, or with `/*` a role and all below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    role: String,
    and_below: bool,
}

impl Pattern {
    pub fn parse(text: &str) -> Option<Self> {
        let (role, and_below) = match text.strip_suffix("/*") {
            Some(role) => (role, true),
            None => (text, false),
        };
        let is_role = keys::FRAMEWORK_ROLE.read(role).is_ok_and(|roles| roles == [role]);
        let is_good = is_role && !(and_below && role == "*");
        is_good.then(|| Self { role: role.to_owned(), and_below })
    }

    fn holds(&self, role: &str) -> bool {
        let below = role.strip_prefix(&self.role);
        below.is_some_and(|below| below.is_empty() || self.and_below && below.starts_with('/'))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}{}", self.role, if self.and_below { "/*" } else { "" })
    }
}

/// What somebody who is known may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// For the audit, and in refusals.
    pub name: String,
    pub role: Role,
    /// None: the dispatcher's own.
    pub(super) roles: Option<Vec<Pattern>>,
    /// As `roles`.
    pub(super) users: Option<Vec<String>>,
    pub(super) defaults: Arc<Defaults>,
}

/// Why something is not allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    #[error("token {name} may not change anything: its role is {}, and changes need edit or admin", Role::View.word())]
    ViewOnly { name: String },
    #[error("token {name} may not take the Mesos role {role}; it may take {}", listed(.allowed))]
    MesosRole { name: String, role: String, allowed: Vec<String> },
    #[error("token {name} may not take the user {user}; it may take {}", listed(.allowed))]
    User { name: String, user: String, allowed: Vec<String> },
}

impl Denied {
    /// Which field of a specification would have to be another.
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::ViewOnly { .. } => None,
            Self::MesosRole { .. } => Some("spec.mesos.role"),
            Self::User { .. } => Some("spec.mesos.user"),
        }
    }
}

impl Grant {
    /// For who needs no token.
    pub fn admin(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            role: Role::Admin,
            roles: None,
            users: None,
            defaults: Arc::<Defaults>::default(),
        }
    }

    /// Whether anything at all may be changed.
    pub fn may_edit(&self) -> Result<(), Denied> {
        match self.role {
            Role::View => Err(Denied::ViewOnly { name: self.name.clone() }),
            Role::Edit | Role::Admin => Ok(()),
        }
    }

    /// Whether a cluster may be changed that takes this Mesos role; without one it takes the dispatcher's own.
    pub fn may_take_role(&self, role: Option<&str>) -> Result<(), Denied> {
        self.may_edit()?;
        if self.role == Role::Admin {
            return Ok(());
        }
        let own = self.defaults.roles.iter().map(String::as_str);
        let taken: Vec<_> = role.map_or_else(|| own.collect(), |role| vec![role]);
        let denied = taken.into_iter().find(|role| !self.holds_role(role));
        denied.map_or(Ok(()), |role| {
            let allowed = match &self.roles {
                Some(patterns) => patterns.iter().map(ToString::to_string).collect(),
                None => self.defaults.roles.clone(),
            };
            Err(Denied::MesosRole { name: self.name.clone(), role: role.to_owned(), allowed })
        })
    }

    /// As [`Self::may_take_role`], for the user as whom tasks run.
    pub fn may_take_user(&self, user: Option<&str>) -> Result<(), Denied> {
        self.may_edit()?;
        if self.role == Role::Admin {
            return Ok(());
        }
        let own = self.defaults.user.as_deref();
        let Some(user) = user.or(own) else { return Ok(()) };
        let allowed = match &self.users {
            Some(users) => users.clone(),
            None => own.into_iter().map(str::to_owned).collect(),
        };
        if allowed.iter().any(|allowed| allowed == user) {
            return Ok(());
        }
        Err(Denied::User { name: self.name.clone(), user: user.to_owned(), allowed })
    }

    fn holds_role(&self, role: &str) -> bool {
        match &self.roles {
            Some(patterns) => patterns.iter().any(|pattern| pattern.holds(role)),
            None => self.defaults.roles.iter().any(|own| own == role),
        }
    }
}

fn listed(allowed: &[String]) -> String {
    if allowed.is_empty() { "none".to_owned() } else { allowed.join(", ") }
}
