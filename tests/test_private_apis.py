"""Private parts of libraries that have no public way: an upgrade that changes one fails here."""

import imaplib
import inspect

import boto3
import imap_tools
import pytest
import urllib3
from aiosmtpd.controller import BaseThreadedController
from allauth.account.adapter import DefaultAccountAdapter

CALLED_BY = {
    "_create_socket": imaplib.IMAP4.open,  # mailroom/bounces/mailbox.py
    "_get_mailbox_client": imap_tools.BaseMailBox.__init__,  # mailroom/bounces/mailbox.py
    "_get_login_attempts_cache_key": DefaultAccountAdapter.pre_authenticate,  # accounts/adapter.py
    "_trigger_server": BaseThreadedController.start,  # sandbox/smtp.py
}


@pytest.mark.parametrize("method", CALLED_BY)
def test_a_method_that_we_override_is_still_called(method):
    assert f"self.{method}(" in inspect.getsource(CALLED_BY[method])


def test_a_client_of_amazon_has_its_connections_where_they_get_a_deadline():
    """mailroom/backends/anymail_pool.py"""
    client = boto3.client("sesv2", "eu-west-1", aws_access_key_id="k", aws_secret_access_key="s")
    assert isinstance(client._endpoint.http_session._manager, urllib3.PoolManager)
    client.close()
