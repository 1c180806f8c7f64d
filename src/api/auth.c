/* SPDX-License-Identifier: MIT */
/*
 * The one authorisation point: which host names, which web origins, who it is, and what they may
 * reach. Host and Origin are checked in open mode too: on loopback they are what keeps foreign web
 * pages (and rebound DNS names) away from the server.
 *
 * Per-session tokens are stateless: "rhs_" session "." base64url(HMAC-SHA256(SHA-256(shared token),
 * "session:" session)). Changing the shared token revokes them all.
 */
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "api/internal.h"
#include "base/assert.h"
#include "base/base64.h"
#include "base/bytes.h"
#include "base/id.h"
#include "base/mem.h"

#define TOKEN_PREFIX "rhs_"
#define MAC_BYTES    32

void rh_api_token_hash(const char *token, uint8_t out[32])
{
    unsigned size = 0;
    int done = EVP_Digest(token, strlen(token), out, &size, EVP_sha256(), NULL);
    RH_ASSERT(done == 1);
    RH_ASSERT(size == 32);
}

/* ---- doors ---- */

static struct rh_bytes without_suffix(struct rh_bytes text, const char *suffix)
{
    size_t size = strlen(suffix);
    if (text.size > size && memcmp(text.data + text.size - size, suffix, size) == 0)
        text.size -= size;
    return text;
}

/* Default ports say nothing; browsers leave them out, other clients may not. */
static struct rh_bytes without_default_port(struct rh_bytes authority)
{
    return without_suffix(without_suffix(authority, ":80"), ":443");
}

static const char *listed(const char *const *list, struct rh_bytes text)
{
    for (; list != NULL && *list != NULL; list++) {
        if (rh_bytes_equal_nocase(rh_bytes_of(*list), text))
            return *list;
    }
    return NULL;
}

static bool origin_is_same(struct rh_bytes origin, struct rh_bytes authority)
{
    const char *port = NULL;
    size_t scheme = 0;
    if (rh_bytes_starts_with(origin, "http://")) {
        scheme = 7;
        port = ":80";
    } else if (rh_bytes_starts_with(origin, "https://")) {
        scheme = 8;
        port = ":443";
    } else {
        return false;
    }
    struct rh_bytes rest = {origin.data + scheme, origin.size - scheme};
    rest = without_suffix(rest, port);
    return rest.size > 0 && rh_bytes_equal_nocase(rest, without_suffix(authority, port));
}

bool api_auth_host(const struct rh_exchange *x, struct rh_bytes authority)
{
    const char *const *hosts = x->api->config->hosts;
    return authority.size > 0 && (listed(hosts, authority) != NULL ||
                                  listed(hosts, without_default_port(authority)) != NULL);
}

bool api_auth_doors(struct rh_exchange *x)
{
    const struct rh_api_config *config = x->api->config;
    struct rh_bytes authority = x->request->authority;
    if (!api_auth_host(x, authority)) {
        api_fail(x, "bad_host", NULL);
        return false;
    }
    struct rh_bytes origin;
    enum rh_error error = rh_request_single(x->request, "Origin", &origin);
    if (error == RH_ERR_UNKNOWN)
        return true;
    if (error == RH_OK && origin_is_same(origin, authority))
        return true;
    x->origin = error == RH_OK ? listed(config->origins, origin) : NULL;
    if (x->origin == NULL)
        api_fail(x, "foreign_origin", NULL);
    return x->origin != NULL;
}

/* ---- roles ---- */

static void session_mac(const struct rh_api_config *config, const char *session,
                        uint8_t out[MAC_BYTES])
{
    char text[8 + RH_UUID_TEXT_MAX];
    int size = snprintf(text, sizeof text, "session:%s", session);
    RH_ASSERT(size > 0 && (size_t)size < sizeof text);
    unsigned mac_size = 0;
    const uint8_t *mac = HMAC(EVP_sha256(), config->token_hash, 32, (const uint8_t *)text,
                              (size_t)size, out, &mac_size);
    RH_ASSERT(mac != NULL);
    RH_ASSERT(mac_size == MAC_BYTES);
}

void api_auth_session_token(const struct rh_api_config *config, const char *session,
                            char out[API_TOKEN_TEXT])
{
    uint8_t mac[MAC_BYTES];
    session_mac(config, session, mac);
    int size = snprintf(out, API_TOKEN_TEXT, TOKEN_PREFIX "%s.", session);
    RH_ASSERT(size > 0 && size < API_TOKEN_TEXT);
    ptrdiff_t more =
        rh_base64url_encode(out + size, API_TOKEN_TEXT - 1 - (size_t)size, mac, sizeof mac);
    RH_ASSERT(more > 0);
    out[size + more] = '\0';
}

/* Whether a per-session token is ours; then its session is in x. */
static bool token_is_participant(struct rh_exchange *x, struct rh_bytes token)
{
    size_t prefix = strlen(TOKEN_PREFIX);
    size_t mac_at = prefix + RH_UUID_CHARS + 1;
    if (!rh_bytes_starts_with(token, TOKEN_PREFIX) ||
        token.size != mac_at + RH_BASE64URL_SIZE(MAC_BYTES) || token.data[mac_at - 1] != '.')
        return false;
    struct rh_bytes session = {token.data + prefix, RH_UUID_CHARS};
    if (rh_uuid_check(session) != RH_OK)
        return false;
    uint8_t given[MAC_BYTES];
    if (rh_base64url_decode(given, sizeof given, (const char *)token.data + mac_at,
                            token.size - mac_at) != MAC_BYTES)
        return false;
    char text[RH_UUID_TEXT_MAX] = {0};
    memcpy(text, session.data, session.size);
    uint8_t expected[MAC_BYTES];
    session_mac(x->api->config, text, expected);
    if (!rh_mem_equal_secret(given, expected, MAC_BYTES))
        return false;
    memcpy(x->token_session, text, sizeof text);
    return true;
}

static bool token_is_operator(const struct rh_exchange *x, struct rh_bytes token)
{
    uint8_t hash[MAC_BYTES];
    unsigned size = 0;
    if (EVP_Digest(token.data, token.size, hash, &size, EVP_sha256(), NULL) != 1)
        return false;
    return rh_mem_equal_secret(hash, x->api->config->token_hash, MAC_BYTES);
}

/* The token of an Authorization header. RH_ERR_UNKNOWN: there is none. */
static enum rh_error bearer_token(const struct rh_request *request, struct rh_bytes *token)
{
    struct rh_bytes value;
    enum rh_error error = rh_request_single(request, "Authorization", &value);
    if (error != RH_OK)
        return error;
    size_t space = rh_bytes_find(value, ' ');
    struct rh_bytes scheme = {value.data, space};
    if (space == value.size || !rh_bytes_equal_nocase(scheme, rh_bytes_of("bearer")))
        return RH_ERR_SYNTAX;
    *token = rh_bytes_trim((struct rh_bytes){value.data + space, value.size - space});
    return token->size == 0 ? RH_ERR_SYNTAX : RH_OK;
}

bool api_auth_role(struct rh_exchange *x)
{
    const struct rh_api_config *config = x->api->config;
    const struct api_route *route = x->route;
    enum rh_role least = route->enrol && config->enrol_open ? RH_ROLE_ANONYMOUS : route->role;
    x->role = RH_ROLE_OPERATOR;
    if (config->auth == RH_AUTH_OPEN)
        return true;
    x->role = RH_ROLE_ANONYMOUS;
    struct rh_bytes token;
    enum rh_error error = bearer_token(x->request, &token);
    if (error == RH_OK && token_is_operator(x, token))
        x->role = RH_ROLE_OPERATOR;
    else if (error == RH_OK && token_is_participant(x, token))
        x->role = RH_ROLE_PARTICIPANT;
    if (x->role >= least)
        return true;
    /* A known token that is not enough is told apart from none, or one that is not ours. */
    if (x->role == RH_ROLE_ANONYMOUS)
        api_fail(x, "unauthorized",
                 error == RH_ERR_UNKNOWN ? NULL : "The token is not one of this server.");
    else
        api_fail(x, "forbidden", NULL);
    return false;
}

bool api_auth_session(struct rh_exchange *x, const char *session)
{
    if (x->role != RH_ROLE_PARTICIPANT || strcmp(session, x->token_session) == 0)
        return true;
    api_fail(x, "forbidden", "This token is for another session.");
    return false;
}

void api_auth_scope(const struct rh_exchange *x, struct rh_vault_request *request)
{
    if (x->role == RH_ROLE_PARTICIPANT)
        memcpy(request->session, x->token_session, sizeof request->session);
}
