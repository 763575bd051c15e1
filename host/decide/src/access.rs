//! Which namespaces may use an object of another one.

use millrace_crds::Reason;
use millrace_crds::common::{Access, Share};

use crate::name::Name;
use crate::refusal::Refusal;

/// Whether `namespace` may use `owner` in the way that it `wants` to.
///
/// # Errors
/// `NotShared`, with the line to add.
pub fn check(
    kind: &str,
    owner: &Name,
    shared_with: &[Share],
    namespace: &str,
    wants: Access,
) -> Result<(), Refusal> {
    let shared = |share: &Share| {
        share.namespace == namespace && (wants == Access::Read || share.access == Access::Write)
    };
    if owner.namespace == namespace || shared_with.iter().any(shared) {
        return Ok(());
    }
    let (verb, access) = match wants {
        Access::Read => ("used", "Read"),
        Access::Write => ("written to", "Write"),
    };
    let message = format!(
        "{kind} {owner} may not be {verb} from namespace {namespace}: its owner adds \
         `- {{namespace: {namespace}, access: {access}}}` to its spec.sharedWith"
    );
    Err(Refusal::new(Reason::NotShared, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_namespace_always_and_others_only_as_listed() {
        let owner = Name::new("team-a", "churn");
        let share = |access| vec![Share { namespace: "team-b".into(), access }];
        let check = |shares: &[Share], namespace: &str, wants| {
            check("Dataset", &owner, shares, namespace, wants).is_ok()
        };
        assert!(check(&[], "team-a", Access::Write));
        assert!(!check(&[], "team-b", Access::Read));
        assert!(check(&share(Access::Read), "team-b", Access::Read));
        assert!(!check(&share(Access::Read), "team-b", Access::Write));
        assert!(check(&share(Access::Write), "team-b", Access::Read));
        assert!(check(&share(Access::Write), "team-b", Access::Write));
        assert!(!check(&share(Access::Write), "team-c", Access::Read));
    }

    #[test]
    fn the_message_has_the_line_to_add() {
        let refusal = super::check("Dataset", &Name::new("a", "d"), &[], "b", Access::Write).unwrap_err();
        assert!(refusal.message.contains("{namespace: b, access: Write}"), "{}", refusal.message);
    }
}
