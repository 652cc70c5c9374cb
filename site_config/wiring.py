"""What one app tells another: the only place where two apps meet, always in one direction."""


def connect() -> None:
    """Connect the signals of the apps. Called once, when all apps are loaded."""
    from newsletters.signals import issue_published
    from notifications import receivers

    issue_published.connect(receivers.new_issue, dispatch_uid="notify-new-issue")
