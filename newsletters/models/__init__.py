from newsletters.models.issue import Issue
from newsletters.models.issue_test import IssueTest
from newsletters.models.newsletter import Newsletter
from newsletters.models.picture import Picture, PictureContent
from newsletters.models.subscription import Subscription

__all__ = ["Issue", "IssueTest", "Newsletter", "Picture", "PictureContent", "Subscription"]
