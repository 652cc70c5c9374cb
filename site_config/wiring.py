"""What one app tells another: the only place where two apps meet, always in one direction."""


def connect() -> None:
    """Connect the signals of the apps. Called once, when all apps are loaded."""
    from accounts.signals import new_device
    from newsletters.signals import issue_published, issue_sent, issue_stopped
    from notifications import receivers

    new_device.connect(receivers.sign_in, dispatch_uid="notify-sign-in")
    issue_published.connect(receivers.new_issue, dispatch_uid="notify-new-issue")
    issue_sent.connect(receivers.issue_sent, dispatch_uid="notify-issue-sent")
    issue_stopped.connect(receivers.issue_stopped, dispatch_uid="notify-issue-stopped")
