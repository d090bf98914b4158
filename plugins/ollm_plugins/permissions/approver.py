"""How is a tool call decided on?

By rules and the mode where they say enough, else by the user, who sees what would happen.
"""

from __future__ import annotations

from pathlib import Path

from ollm.api import ApprovalRequest, Decision, HostContext, Notice, Reply
from ollm_plugins.permissions.judging import Situation, judged
from ollm_plugins.permissions.session import all_rules, session_of

_UNASKED = (
    "Nobody could be asked, so the tool was not run. Do not call it again in this turn; tell the user what you would "
    "have done. The user can allow it by a rule, or run ollm in a terminal."
)


class Approver:
    """Decides on the tool calls of this run."""

    def __init__(self, host: HostContext) -> None:
        self._host = host

    async def decide(self, request: ApprovalRequest) -> Decision:
        """Decide on one call.

        :raises SettingsError: the settings hold a mistake
        """
        verdict = judged(self._situation(), request.tool, request.preview)
        if verdict.action == "allow":
            return Decision(allowed=True, reason=verdict.why, by=verdict.by)
        if verdict.action == "deny":
            reason = f"A rule of the user forbids this ({verdict.why}), so it was not run. Do not try it another way."
            return Decision(allowed=False, reason=reason, by=verdict.by)
        return await self._asked(request, verdict.why)

    def _situation(self) -> Situation:
        saved, answered = all_rules(self._host)
        return Situation(session_of(self._host).mode, (*saved, *answered), self._host.workspace, Path.home())

    async def _asked(self, request: ApprovalRequest, why: str) -> Decision:
        from ollm_plugins.permissions.asking import always, question, with_edit

        rule = None if why else always(request, self._host.workspace)
        reply = await self._host.ask(question(request, why, rule))
        if reply is None:
            return self._unasked()
        if reply.key == "y":
            return Decision(allowed=True, reason="the user said yes", by="user")
        if reply.key == "a" and rule is not None:
            session_of(self._host).add(rule)
            return Decision(allowed=True, reason="the user said always", by="user")
        if reply.key == "e":
            return Decision(allowed=False, by="user", arguments=with_edit(request, reply.text))
        return _refused(reply)

    def _unasked(self) -> Decision:
        """Refuse what nobody can decide on, and say so once in a turn, however many calls there are."""
        remedy = "Allow it by a rule (`ollm permissions allow --help`), or run ollm in a terminal"
        self._host.notify(Notice("tool-unasked", f"A tool was not run, because nobody could be asked. {remedy}."))
        return Decision(allowed=False, reason=_UNASKED, by="ollm")


def _refused(reply: Reply) -> Decision:
    said = " ".join(reply.text.split())
    reason = f"The user said no: {said}" if said else "The user said no, without a reason. Do not try it another way."
    return Decision(allowed=False, reason=reason, by="user")
