//! Members of the project, open invitations, and what a role may do.

mod invite;
mod row;

use domain::members::{Invitation, Member, Membership};
use domain::{Permission, Role};
use leptos::prelude::*;

use crate::calls::{Change, ChangeForm, read_when};
use crate::components::allowed::Allowed;
use crate::components::api_panel::ApiPanel;
use crate::components::badge::Badge;
use crate::components::card::Card;
use crate::components::dialog::DialogButton;
use crate::components::error_panel::FormError;
use crate::components::icon::{Glyph, Icon};
use crate::components::loaded::loaded_page;
use crate::components::page_header::PageHeader;
use crate::components::submit::{Submit, announce};
use crate::components::table::TableFrame;
use crate::components::time::Time;
use crate::context::{use_permission, use_project};
use crate::server_fns::members::{
    InviteMember, ListMembers, RemoveMember, SetMemberRole, WithdrawInvitation,
};

use invite::{INVITE, InviteDialog, Invited};
use row::MemberRow;

#[derive(Clone, Copy)]
struct MemberActions {
    set_role: Change<SetMemberRole>,
    remove: Change<RemoveMember>,
    withdraw: Change<WithdrawInvitation>,
}

#[component]
pub fn MembersPage() -> impl IntoView {
    let project = use_project();
    let invite = Change::<InviteMember>::new();
    let actions = MemberActions {
        set_role: Change::new(),
        remove: Change::new(),
        withdraw: Change::new(),
    };
    let changes = (
        invite.successes(),
        actions.set_role.successes(),
        actions.remove.successes(),
        actions.withdraw.successes(),
    );
    let members = read_when(
        move || changes.0.get() + changes.1.get() + changes.2.get() + changes.3.get(),
        move || ListMembers {
            project: project.get(),
        },
    );
    announce(invite, "The link is made");
    announce(actions.set_role, "The role is changed");
    announce(actions.remove, "The member is removed");
    announce(actions.withdraw, "The invitation is withdrawn");
    let may_administer = use_permission(Permission::Administer);
    view! {
        <PageHeader title="Members" lead="Who may see and change this project.">
            <Allowed permission=Permission::Administer what="Inviting people and changing roles">
                <DialogButton id=INVITE class="button primary"><Icon glyph=Glyph::Plus/>"Invite"</DialogButton>
            </Allowed>
        </PageHeader>
        <Invited invite/>
        <FormError error=actions.set_role.failure()/>
        <FormError error=actions.remove.failure()/>
        <FormError error=actions.withdraw.failure()/>
        {loaded_page(members, move |membership| content(membership, actions, may_administer()))}
        <Allowed permission=Permission::Administer><InviteDialog invite/></Allowed>
        <ApiPanel path=Signal::derive(move || format!("/api/v1/projects/{}/members", project.get()))/>
    }
    .into_any()
}

fn content(membership: Membership, actions: MemberActions, may_administer: bool) -> AnyView {
    let Membership {
        members,
        invitations,
    } = membership;
    view! {
        <MemberTable members actions may_administer/>
        <InvitationTable invitations actions may_administer/>
        <RoleCard/>
    }
    .into_any()
}

#[component]
fn MemberTable(
    members: Vec<Member>,
    actions: MemberActions,
    may_administer: bool,
) -> impl IntoView {
    let rows = view! {
        {members.into_iter().map(|member| view! { <MemberRow member actions may_administer/> }).collect_view()}
    };
    view! {
        <Card flush=true>
            <TableFrame label="Members">
                <table class="table">
                    <thead>
                        <tr>
                            <th scope="col">"Name"</th>
                            <th scope="col">"E-mail address"</th>
                            <th scope="col">"Role"</th>
                            <th scope="col">"Joined"</th>
                            <th scope="col"><span class="visually-hidden">"Actions"</span></th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </TableFrame>
        </Card>
    }
    .into_any()
}

#[component]
fn InvitationTable(
    invitations: Vec<Invitation>,
    actions: MemberActions,
    may_administer: bool,
) -> impl IntoView {
    if invitations.is_empty() {
        return ().into_any();
    }
    let rows = invitations
        .into_iter()
        .map(|invitation| {
            let withdraw = may_administer
                .then(|| view! { <WithdrawForm id=invitation.id.to_string() actions/> });
            view! {
                <tr>
                    <th scope="row">{invitation.email}</th>
                    <td><Badge>{invitation.role.as_str()}</Badge></td>
                    <td>{invitation.invited_by}</td>
                    <td><Time at=invitation.expires_at/></td>
                    <td>{withdraw}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <Card title="Open invitations" flush=true>
            <TableFrame label="Open invitations">
                <table class="table">
                    <thead>
                        <tr>
                            <th scope="col">"E-mail address"</th>
                            <th scope="col">"Role"</th>
                            <th scope="col">"Invited by"</th>
                            <th scope="col">"Expires"</th>
                            <th scope="col"><span class="visually-hidden">"Actions"</span></th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </TableFrame>
        </Card>
    }
    .into_any()
}

#[component]
fn WithdrawForm(id: String, actions: MemberActions) -> impl IntoView {
    let project = use_project();
    view! {
        <ChangeForm change=actions.withdraw>
            <input type="hidden" name="project" value=move || project.get().to_string()/>
            <input type="hidden" name="id" value=id/>
            <Submit label="Withdraw" class="button small"/>
        </ChangeForm>
    }
    .into_any()
}

#[component]
fn RoleCard() -> impl IntoView {
    let rows = Role::ALL
        .into_iter()
        .map(|role| view! { <div><dt><Badge>{role.as_str()}</Badge></dt><dd>{role.describe()}</dd></div> })
        .collect_view();
    view! {
        <Card title="What a role may do">
            <dl class="facts">{rows}</dl>
        </Card>
    }
    .into_any()
}
