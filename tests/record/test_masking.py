import pytest

from labloom.record.masking import looks_secret, mask_command, mask_override, mask_text, mask_value


@pytest.mark.parametrize(
    "key",
    [
        "db.password",
        "hub_token",
        "token",
        "api_key",
        "aws.secret_access_key",
        "apiKey",
        "a.Secrets",
    ],
)
def test_key_that_names_a_secret_is_recognised(key):
    assert looks_secret(key)


@pytest.mark.parametrize(
    "key",
    ["pad_token", "tokenizer", "max_tokens", "optimizer.lr", "keys", "secretary", "eos_token"],
)
def test_ordinary_key_is_not_taken_for_a_secret(key):
    assert not looks_secret(key)


def test_secret_values_are_hidden_at_any_depth():
    config = {"user": "ann", "password": "pw", "hosts": [{"token": "abc", "port": 1}]}

    masked = mask_value("db", config)

    assert masked == {"user": "ann", "password": "***", "hosts": [{"token": "***", "port": 1}]}


def test_number_under_a_secret_looking_key_is_kept():
    assert mask_value("data.token", 512) == 512


def test_credentials_in_addresses_are_hidden():
    text = mask_text("postgresql://ann:pw@db:5432/x and https://host/a?token=abc&b=1")

    assert text == "postgresql://***@db:5432/x and https://host/a?token=***&b=1"


@pytest.mark.parametrize(
    ("override", "masked"),
    [
        ("+data.hub_token=abc", "+data.hub_token=***"),
        ("data.max_tokens=5", "data.max_tokens=5"),
        ("data.options={token: abc, n: 3}", "data.options={token: ***, n: 3}"),
        ("tracking.uri=http://ann:pw@host", "tracking.uri=http://***@host"),
        ("~data.token", "~data.token"),
    ],
)
def test_override_is_masked_by_its_key(override, masked):
    assert mask_override(override) == masked


def test_masked_command_is_still_a_shell_command():
    assert mask_command(["labloom", "run", "a.password=x y"]) == "labloom run 'a.password=***'"
