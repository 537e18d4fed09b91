//! `muster user`.

use clap::Subcommand;

use super::{ACTOR, failure::Failure, output::Output, restoring};
use crate::provision::operator::{NameKind, Operator};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Ends a user's sessions; the account stays as it is.
    RevokeSessions {
        /// The tenant.
        tenant: String,
        /// The user, by id or as `--by` says.
        user: String,
        /// What the user is named by: id, user-name, external-id or email.
        #[arg(long, default_value = "id", value_parser = name_kind)]
        by: NameKind,
        /// Why, for administrators; receivers are told.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Tells receivers that somebody else has a credential of the user's.
    ReportCredential {
        /// The tenant.
        tenant: String,
        /// The user, by id or as `--by` says.
        user: String,
        /// What the user is named by: id, user-name, external-id or email.
        #[arg(long, default_value = "id", value_parser = name_kind)]
        by: NameKind,
        /// Type of the credential: password, pin, x509, fido2-platform, fido2-roaming,
        /// fido-u2f, verifiable-credential, phone-voice, phone-sms or app.
        #[arg(long = "type", value_name = "TYPE", default_value = "password")]
        credential: String,
        /// Why, for administrators; receivers are told.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Tells receivers that the user must change a credential.
    RequireCredentialChange {
        /// The tenant.
        tenant: String,
        /// The user, by id or as `--by` says.
        user: String,
        /// What the user is named by: id, user-name, external-id or email.
        #[arg(long, default_value = "id", value_parser = name_kind)]
        by: NameKind,
    },
    #[command(flatten)]
    Restoring(restoring::Command),
}

pub(super) fn name_kind(name: &str) -> Result<NameKind, String> {
    NameKind::ALL.into_iter().find(|kind| kind.as_str() == name).ok_or_else(|| {
        let names: Vec<&str> = NameKind::ALL.into_iter().map(NameKind::as_str).collect();
        format!("expected one of {}", names.join(", "))
    })
}

/// Does what `command` says.
pub(super) async fn run(
    command: Command,
    operator: &Operator,
    output: Output,
) -> Result<(), Failure> {
    match command {
        Command::RevokeSessions { tenant, user, by, reason } => {
            let person = (by, user.as_str());
            let revoked =
                operator.revoke_sessions(&tenant, person, reason.as_deref(), ACTOR).await?;
            let text =
                format!("The sessions end; receipt: muster receipt {tenant} {}", revoked.txn);
            output.done(&revoked, &text)
        }
        Command::ReportCredential { tenant, user, by, credential, reason } => {
            let (person, reason) = ((by, user.as_str()), reason.as_deref());
            let told =
                operator.report_credential(&tenant, person, &credential, (reason, ACTOR)).await?;
            output.done(&told, &format!("Receivers are told, in transaction {}.", told.txn))
        }
        Command::RequireCredentialChange { tenant, user, by } => {
            let told = operator.require_credential_change(&tenant, (by, &user), ACTOR).await?;
            output.done(&told, &format!("Receivers are told, in transaction {}.", told.txn))
        }
        Command::Restoring(command) => restoring::run(command, operator, output).await,
    }
}
