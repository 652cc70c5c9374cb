"""What texts must not hold."""

from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

# Titles become subjects: a line break there would begin a header of the author's choice.
subject_line = RegexValidator(
    r"^[^\x00-\x1f\x7f\x85\u2028\u2029\ue000\ue001]*$", _("It must be one line of ordinary text.")
)

# The private-use characters are those that mark places to fill in for each recipient.
ordinary_text = RegexValidator(
    r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ue000\ue001]*$", _("Control characters aren't allowed.")
)
