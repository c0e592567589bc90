// oauth4webapi 3: every step by hand, every check on.
import { createRemoteJWKSet, importJWK, jwtVerify } from 'jose';
import * as oauth from 'oauth4webapi';
import { serve } from './pipe.mjs';

// The provider of the tests is on loopback.
const http = { [oauth.allowInsecureRequests]: true };
let as, client, authentication, settings, dpop, pending, tokens;

const methods = {
  client_secret_basic: ({ client_secret }) => oauth.ClientSecretBasic(client_secret),
  client_secret_post: ({ client_secret }) => oauth.ClientSecretPost(client_secret),
  none: () => oauth.None(),
  private_key_jwt: async ({ key }) => oauth.PrivateKeyJwt({ key: await importJWK(key, algorithmOf(key)), kid: key.kid }),
};

// RFC 9864: the name that says which curve.
const algorithmOf = (key) => (key.kty === 'OKP' ? 'Ed25519' : 'ES256');

await serve({
  async configure(given) {
    settings = given;
    const issuer = new URL(given.issuer);
    as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, http));
    client = { client_id: given.client_id, ...given.metadata };
    authentication = await methods[given.metadata.token_endpoint_auth_method ?? 'client_secret_basic'](given);
    if (given.fapi2) dpop = oauth.DPoP(client, await oauth.generateKeyPair(algorithmOf(given.key)));
  },

  async begin({ asked }) {
    tokens = undefined;
    pending = {
      verifier: oauth.generateRandomCodeVerifier(),
      state: oauth.generateRandomState(),
      nonce: oauth.generateRandomNonce(),
    };
    const parameters = new URLSearchParams({
      client_id: client.client_id,
      response_type: 'code',
      redirect_uri: settings.redirect_uri,
      scope: settings.scope,
      code_challenge: await oauth.calculatePKCECodeChallenge(pending.verifier),
      code_challenge_method: 'S256',
      state: pending.state,
      nonce: pending.nonce,
      ...asked,
    });
    const url = new URL(as.authorization_endpoint);
    url.search = settings.fapi2 ? await pushed(parameters) : parameters;
    return url.href;
  },

  async finish({ callback }) {
    const answer = oauth.validateAuthResponse(as, client, new URL(callback), pending.state);
    const response = await withNonce(() =>
      oauth.authorizationCodeGrantRequest(
        as, client, authentication, answer, settings.redirect_uri, pending.verifier, { DPoP: dpop, ...http },
      ),
    );
    const checks = { expectedNonce: pending.nonce, requireIdToken: true };
    return keep(await oauth.processAuthorizationCodeResponse(as, client, response, checks), response);
  },

  async userinfo() {
    const response = await oauth.userInfoRequest(as, client, tokens.access_token, { DPoP: dpop, ...http });
    return oauth.processUserInfoResponse(as, client, tokens.sub, response);
  },

  async refresh() {
    const response = await withNonce(() =>
      oauth.refreshTokenGrantRequest(as, client, authentication, tokens.refresh_token, { DPoP: dpop, ...http }),
    );
    return keep(await oauth.processRefreshTokenResponse(as, client, response), response);
  },

  async revoke({ token }) {
    await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, authentication, token, http));
  },

  async introspect({ token }) {
    const response = await oauth.introspectionRequest(as, client, authentication, token, http);
    return oauth.processIntrospectionResponse(as, client, response);
  },

  async clientCredentials({ scope, resource }) {
    const parameters = { scope, resource };
    const response = await oauth.clientCredentialsGrantRequest(as, client, authentication, parameters, http);
    return (await oauth.processClientCredentialsResponse(as, client, response)).access_token;
  },

  async endSessionUrl({ goodbye, state }) {
    const url = new URL(as.end_session_endpoint);
    url.search = new URLSearchParams({ id_token_hint: tokens.id_token, post_logout_redirect_uri: goodbye, state });
    return url.href;
  },

  async logoutToken({ token }) {
    const { payload } = await jwtVerify(token, createRemoteJWKSet(new URL(as.jwks_uri)), {
      issuer: as.issuer,
      audience: client.client_id,
      typ: 'logout+jwt',
      algorithms: [client.id_token_signed_response_alg],
      requiredClaims: ['jti', 'events'],
    });
    return payload;
  },
});

async function pushed(parameters) {
  const response = await oauth.pushedAuthorizationRequest(as, client, authentication, parameters, {
    DPoP: dpop,
    ...http,
  });
  const { request_uri } = await oauth.processPushedAuthorizationResponse(as, client, response);
  return new URLSearchParams({ client_id: client.client_id, request_uri });
}

async function withNonce(send) {
  const response = await send();
  const wanted = response.headers.get('dpop-nonce');
  // RFC 9449 section 8: the library remembers the nonce, the application sends again.
  return wanted && response.status === 400 ? send() : response;
}

async function keep(answer, response) {
  if (answer.id_token) await oauth.validateApplicationLevelSignature(as, response, http);
  const claims = oauth.getValidatedIdTokenClaims(answer);
  tokens = {
    sub: claims?.sub ?? tokens.sub,
    id_token: answer.id_token ?? tokens.id_token,
    access_token: answer.access_token,
    // A refresh that gives no new refresh token leaves the old one good (RFC 6749 section 6).
    refresh_token: answer.refresh_token ?? tokens?.refresh_token ?? null,
  };
  return {
    claims: claims ?? {},
    id_token: tokens.id_token,
    access_token: tokens.access_token,
    refresh_token: tokens.refresh_token,
    token_type: answer.token_type,
  };
}
