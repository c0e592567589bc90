// openid-client 6: what an application on Node does with it.
import { createRemoteJWKSet, importJWK, jwtVerify } from 'jose';
import * as client from 'openid-client';
import { serve } from './pipe.mjs';

let config, settings, dpop, pending, tokens;

const authentication = {
  client_secret_basic: ({ client_secret }) => client.ClientSecretBasic(client_secret),
  client_secret_post: ({ client_secret }) => client.ClientSecretPost(client_secret),
  none: () => client.None(),
  private_key_jwt: async ({ key }) =>
    client.PrivateKeyJwt({ key: await importJWK(key, algorithmOf(key)), kid: key.kid }),
};

// RFC 9864: the name that says which curve.
const algorithmOf = (key) => (key.kty === 'OKP' ? 'Ed25519' : 'ES256');

await serve({
  async configure(given) {
    settings = given;
    const method = given.metadata.token_endpoint_auth_method ?? 'client_secret_basic';
    config = await client.discovery(
      new URL(given.issuer),
      given.client_id,
      given.metadata,
      await authentication[method](given),
      // Plain http: the provider of the tests is on loopback. The second one checks the signature of ID tokens.
      { execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks] },
    );
    if (given.fapi2) dpop = client.getDPoPHandle(config, await client.randomDPoPKeyPair(algorithmOf(given.key)));
  },

  async begin({ asked }) {
    tokens = undefined;
    pending = {
      verifier: client.randomPKCECodeVerifier(),
      state: client.randomState(),
      nonce: client.randomNonce(),
    };
    const parameters = {
      redirect_uri: settings.redirect_uri,
      scope: settings.scope,
      code_challenge: await client.calculatePKCECodeChallenge(pending.verifier),
      code_challenge_method: 'S256',
      state: pending.state,
      nonce: pending.nonce,
      ...asked,
    };
    const url = settings.fapi2
      ? await client.buildAuthorizationUrlWithPAR(config, parameters, { DPoP: dpop })
      : client.buildAuthorizationUrl(config, parameters);
    return url.href;
  },

  async finish({ callback }) {
    const checks = {
      pkceCodeVerifier: pending.verifier,
      expectedState: pending.state,
      expectedNonce: pending.nonce,
      idTokenExpected: true,
    };
    return keep(await client.authorizationCodeGrant(config, new URL(callback), checks, undefined, { DPoP: dpop }));
  },

  async userinfo() {
    return client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub, { DPoP: dpop });
  },

  async refresh() {
    return keep(await client.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP: dpop }));
  },

  async revoke({ token }) {
    await client.tokenRevocation(config, token);
  },

  async introspect({ token }) {
    return client.tokenIntrospection(config, token);
  },

  async clientCredentials({ scope, resource }) {
    return (await client.clientCredentialsGrant(config, { scope, resource })).access_token;
  },

  async endSessionUrl({ goodbye, state }) {
    const parameters = { post_logout_redirect_uri: goodbye, id_token_hint: tokens.id_token, state };
    return client.buildEndSessionUrl(config, parameters).href;
  },

  async logoutToken({ token }) {
    const keys = createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri));
    const { payload } = await jwtVerify(token, keys, {
      issuer: settings.issuer,
      audience: settings.client_id,
      typ: 'logout+jwt',
      algorithms: [settings.metadata.id_token_signed_response_alg],
      requiredClaims: ['jti', 'events'],
    });
    return payload;
  },
});

function keep(answer) {
  // A refresh that gives no new refresh token leaves the old one good (RFC 6749 section 6).
  const kept = answer.refresh_token ?? tokens?.refresh_token ?? null;
  tokens = answer;
  tokens.refresh_token = kept;
  return {
    claims: answer.claims(),
    id_token: answer.id_token,
    access_token: answer.access_token,
    refresh_token: kept,
    token_type: answer.token_type,
  };
}
