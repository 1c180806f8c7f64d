/* SPDX-License-Identifier: MIT */
#include "serve/tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/assert.h"

#define SOON_DAYS 14

struct rh_tls {
    SSL *ssl;
    struct rh_bytes in;    /* ciphertext that was given and not taken; within a call only */
    struct rh_buffer *out; /* within a call only */
    const char *problem;
    bool broken;
};

/* ---- the memory that OpenSSL reads and writes ---- */

static int memory_read(BIO *bio, char *out, int size)
{
    struct rh_tls *tls = BIO_get_data(bio);
    size_t n = size > 0 ? (size_t)size : 0;

    BIO_clear_retry_flags(bio);
    if (tls->in.size == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    if (n > tls->in.size)
        n = tls->in.size;
    memcpy(out, tls->in.data, n);
    tls->in.data += n;
    tls->in.size -= n;
    return (int)n;
}

/* Whole or not at all: what does not fit is a flight that nobody needs (RH_TLS_OUT_BYTES). */
static int memory_write(BIO *bio, const char *data, int size)
{
    struct rh_tls *tls = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    if (size <= 0 || tls->out == NULL || rh_buffer_put(tls->out, data, (size_t)size) != RH_OK)
        return -1;
    return size;
}

static long memory_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static BIO_METHOD *memory_method;
static pthread_once_t memory_once = PTHREAD_ONCE_INIT;

static void memory_free(void)
{
    BIO_meth_free(memory_method);
    memory_method = NULL;
}

static void memory_make(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "reelhaul");

    if (method == NULL)
        return;
    BIO_meth_set_read(method, memory_read);
    BIO_meth_set_write(method, memory_write);
    BIO_meth_set_ctrl(method, memory_control);
    memory_method = method;
    (void)atexit(memory_free);
}

/* ---- the door ---- */

static enum rh_error complain(char *complaint, enum rh_error error, const char *flag,
                              const char *file, const char *why)
{
    snprintf(complaint, RH_TLS_COMPLAINT_BYTES, "%s %.200s %s", flag, file, why);
    ERR_clear_error();
    return error;
}

/* OpenSSL's own words on a file that is not there are hard to read. */
static enum rh_error check_readable(const char *flag, const char *file, char *complaint)
{
    FILE *opened = fopen(file, "re");
    char why[160];

    if (opened == NULL) {
        snprintf(why, sizeof why, "cannot be read: %s.", strerror(errno));
        return complain(complaint, RH_ERR_IO, flag, file, why);
    }
    (void)fclose(opened);
    return RH_OK;
}

/* A server has nobody to ask for a pass phrase. */
static int no_phrase(char *out, int size, int writing, void *context)
{
    (void)out;
    (void)size;
    (void)writing;
    *(bool *)context = true;
    return -1;
}

static enum rh_error load_pair(SSL_CTX *context, const struct rh_tls_door *door, char *complaint)
{
    const char *certificate = door->certificate_file;
    const char *key = door->key_file;
    bool asked = false;

    if (check_readable("--tls-cert", certificate, complaint) != RH_OK ||
        check_readable("--tls-key", key, complaint) != RH_OK)
        return RH_ERR_IO;
    SSL_CTX_set_default_passwd_cb(context, no_phrase);
    SSL_CTX_set_default_passwd_cb_userdata(context, &asked);
    if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1)
        return complain(complaint, RH_ERR_SYNTAX, "--tls-cert", certificate,
                        "holds no certificate that can be used. Give a file in PEM format that "
                        "starts with BEGIN CERTIFICATE: the server's own first, then its chain.");
    if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) {
        unsigned long error = ERR_peek_last_error();

        if (asked)
            return complain(complaint, RH_ERR_SYNTAX, "--tls-key", key,
                            "is protected by a pass phrase. Give a key without one, in a file that "
                            "only the server can read.");
        if (ERR_GET_LIB(error) == ERR_LIB_X509)
            return complain(complaint, RH_ERR_SYNTAX, "--tls-key", key,
                            "does not belong to the certificate of --tls-cert.");
        return complain(complaint, RH_ERR_SYNTAX, "--tls-key", key,
                        "holds no private key that can be used. Give a file in PEM format that "
                        "starts with BEGIN PRIVATE KEY.");
    }
    SSL_CTX_set_default_passwd_cb_userdata(context, NULL);
    if (SSL_CTX_check_private_key(context) != 1)
        return complain(complaint, RH_ERR_SYNTAX, "--tls-key", key,
                        "does not belong to the certificate of --tls-cert.");
    return RH_OK;
}

static void warn(const SSL_CTX *context, const struct rh_tls_door *door, char *complaint)
{
    const X509 *certificate = SSL_CTX_get0_certificate(context);
    const ASN1_TIME *ends = X509_get0_notAfter(certificate);
    struct stat status;
    const char *file = door->certificate_file;
    int days = 0;
    int seconds = 0;
    char why[120];

    complaint[0] = '\0';
    if (stat(door->key_file, &status) == 0 && (status.st_mode & S_IROTH) != 0)
        (void)complain(complaint, RH_OK, "--tls-key", door->key_file,
                       "can be read by every user of this machine.");
    if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0)
        (void)complain(complaint, RH_OK, "--tls-cert", file, "is not valid yet.");
    if (X509_cmp_current_time(ends) < 0) {
        (void)complain(complaint, RH_OK, "--tls-cert", file,
                       "has expired: clients will refuse it.");
    } else if (ASN1_TIME_diff(&days, &seconds, NULL, ends) == 1 && days < SOON_DAYS) {
        snprintf(why, sizeof why, "expires in %d days.", days);
        (void)complain(complaint, RH_OK, "--tls-cert", file, why);
    }
    ERR_clear_error();
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_size,
                           const unsigned char *in, unsigned in_size, void *context)
{
    static const unsigned char ours[] = "\x02h2\x08http/1.1";
    unsigned char *chosen = NULL;

    (void)ssl;
    (void)context;
    if (SSL_select_next_proto(&chosen, out_size, ours, sizeof ours - 1, in, in_size) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *make_context(const struct rh_tls_door *door, enum rh_error *error, char *complaint)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());

    if (context == NULL) {
        snprintf(complaint, RH_TLS_COMPLAINT_BYTES, "There is no memory for TLS.");
        *error = RH_ERR_MEMORY;
        return NULL;
    }
    (void)SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    (void)SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                           SSL_OP_CIPHER_SERVER_PREFERENCE |
                                           SSL_OP_PRIORITIZE_CHACHA);
    /* Buffers are given back between records: most connections wait most of the time. */
    (void)SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                        SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    /* Tickets are kept by the clients; a table here would only grow. */
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_num_tickets(context, 1);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    *error = load_pair(context, door, complaint);
    if (*error != RH_OK) {
        SSL_CTX_free(context);
        return NULL;
    }
    warn(context, door, complaint);
    return context;
}

enum rh_error rh_tls_door_open(struct rh_tls_door *door, const char *certificate_file,
                               const char *key_file, char complaint[static RH_TLS_COMPLAINT_BYTES])
{
    enum rh_error error = RH_OK;

    (void)pthread_once(&memory_once, memory_make);
    door->certificate_file = certificate_file;
    door->key_file = key_file;
    door->context = make_context(door, &error, complaint);
    if (door->context == NULL)
        return error;
    (void)pthread_mutex_init(&door->mutex, NULL);
    return RH_OK;
}

enum rh_error rh_tls_door_renew(struct rh_tls_door *door,
                                char complaint[static RH_TLS_COMPLAINT_BYTES])
{
    enum rh_error error = RH_OK;
    SSL_CTX *fresh = make_context(door, &error, complaint);
    SSL_CTX *old;

    if (fresh == NULL)
        return error;
    (void)pthread_mutex_lock(&door->mutex);
    old = door->context;
    door->context = fresh;
    (void)pthread_mutex_unlock(&door->mutex);
    SSL_CTX_free(old); /* connections that use it keep it alive */
    return RH_OK;
}

void rh_tls_door_close(struct rh_tls_door *door)
{
    if (door->context == NULL)
        return;
    SSL_CTX_free(door->context);
    door->context = NULL;
    (void)pthread_mutex_destroy(&door->mutex);
}

/* ---- a link ---- */

struct rh_tls *rh_tls_create(struct rh_tls_door *door)
{
    struct rh_tls *tls = calloc(1, sizeof *tls);
    BIO *bio = memory_method != NULL ? BIO_new(memory_method) : NULL;

    if (tls == NULL || bio == NULL)
        goto failed;
    (void)pthread_mutex_lock(&door->mutex);
    tls->ssl = SSL_new(door->context);
    (void)pthread_mutex_unlock(&door->mutex);
    if (tls->ssl == NULL)
        goto failed;
    BIO_set_data(bio, tls);
    BIO_set_init(bio, 1);
    SSL_set_bio(tls->ssl, bio, bio);
    SSL_set_accept_state(tls->ssl);
    return tls;
failed:
    BIO_free(bio);
    free(tls);
    ERR_clear_error();
    return NULL;
}

void rh_tls_destroy(struct rh_tls *tls)
{
    if (tls == NULL)
        return;
    SSL_free(tls->ssl);
    free(tls);
}

bool rh_tls_is_open(const struct rh_tls *tls)
{
    return SSL_is_init_finished(tls->ssl) == 1;
}

bool rh_tls_chose_h2(const struct rh_tls *tls)
{
    const unsigned char *name = NULL;
    unsigned size = 0;

    SSL_get0_alpn_selected(tls->ssl, &name, &size);
    return size == 2 && memcmp(name, "h2", 2) == 0;
}

/* The last call failed: whether it only wants more input. */
static enum rh_error judge(struct rh_tls *tls, int result)
{
    int error = SSL_get_error(tls->ssl, result);
    const char *reason;

    if (error == SSL_ERROR_WANT_READ)
        return RH_OK;
    if (error == SSL_ERROR_ZERO_RETURN)
        return RH_ERR_CLOSED;
    reason = ERR_reason_error_string(ERR_peek_error());
    tls->problem = reason != NULL ? reason : "broken";
    tls->broken = true;
    ERR_clear_error();
    return RH_ERR_SYNTAX;
}

enum rh_error rh_tls_read(struct rh_tls *tls, struct rh_bytes in, uint8_t *plain,
                          size_t *plain_size, struct rh_buffer *out)
{
    size_t cap = RH_TLS_PLAIN_BYTES(in.size);
    size_t size = 0;
    int result = 1;

    *plain_size = 0;
    if (tls->broken)
        return RH_ERR_SYNTAX;
    ERR_clear_error();
    tls->in = in;
    tls->out = out;
    /* SSL_read_ex does the handshake, too. */
    while (result == 1 && *plain_size < cap) {
        result = SSL_read_ex(tls->ssl, plain + *plain_size, cap - *plain_size, &size);
        if (result == 1)
            *plain_size += size;
    }
    tls->out = NULL;
    RH_ASSERT(result != 1 || tls->in.size == 0);
    if (result == 1)
        return RH_OK;
    return judge(tls, result);
}

enum rh_error rh_tls_write(struct rh_tls *tls, struct rh_bytes plain, struct rh_buffer *out)
{
    RH_ASSERT(plain.size <= RH_TLS_WRITE_BYTES);
    if (tls->broken)
        return RH_ERR_CLOSED;
    ERR_clear_error();
    tls->in = (struct rh_bytes){NULL, 0};
    tls->out = out;
    while (plain.size > 0) {
        size_t size = 0;
        int result = SSL_write_ex(tls->ssl, plain.data, plain.size, &size);

        if (result != 1) {
            tls->out = NULL;
            (void)judge(tls, result);
            tls->broken = true;
            return RH_ERR_CLOSED;
        }
        plain.data += size;
        plain.size -= size;
    }
    tls->out = NULL;
    return RH_OK;
}

void rh_tls_end(struct rh_tls *tls, struct rh_buffer *out)
{
    if (tls->broken || !rh_tls_is_open(tls))
        return;
    ERR_clear_error();
    tls->in = (struct rh_bytes){NULL, 0};
    tls->out = out;
    (void)SSL_shutdown(tls->ssl);
    tls->out = NULL;
    ERR_clear_error();
}

const char *rh_tls_problem(const struct rh_tls *tls)
{
    return tls->problem != NULL ? tls->problem : "";
}
