"""Every operation that the range has was called by a real client, with good and with bad input, by the tests before this one."""

import pytest

import called


@pytest.mark.parametrize("service", called.operations())
def test_every_operation_was_called_with_good_and_with_bad_input(service, whole_suite):
    if whole_suite is not True:
        pytest.skip(f"what every operation is called by is known only after all of tests/test_range_*.py: {whole_suite}")
    lacking = {why: names for why, names in called.missing(service, called.operations()[service]).items() if names}
    assert not lacking, "\n".join(f"{service}, {why}: {', '.join(names)}" for why, names in lacking.items())
