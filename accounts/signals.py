"""What accounts tell the rest of the site."""

from django.dispatch import Signal

# Somebody logged in from a browser that this account has not been used from before.
# user: the User; ip: the visitor's address; browser: what the browser calls itself.
new_device = Signal()
