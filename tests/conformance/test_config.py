"""The plan `oidcc-config-certification-test-plan`: the discovery document alone."""

from tests.conformance.suite import DISCOVERY, HTTPS_ISSUER, check_discovery, over_https


def test_oidcc_discovery_endpoint_verification(world):
    http = over_https(world)

    response = http.get(DISCOVERY, base_url=HTTPS_ISSUER)

    assert response.status_code == 200
    assert response.content_type == "application/json"
    check_discovery(response.json, HTTPS_ISSUER)
    keys = http.get(response.json["jwks_uri"].removeprefix(HTTPS_ISSUER), base_url=HTTPS_ISSUER)
    assert keys.status_code == 200
    assert "RS256" in {key["alg"] for key in keys.json["keys"]}
