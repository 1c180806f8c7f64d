/* SPDX-License-Identifier: MIT */
/*
 * TLS links. The first byte chooses: even, the rest comes from the network as it is, in pieces.
 * Odd, a real client shakes hands (its version and ALPN by that byte), and the rest are steps: the
 * client writes, we write, a byte on the wire is flipped, either side ends. What comes out is what
 * went in, or the link is broken and stays so: never other bytes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/assert.h"
#include "input.h"
#include "serve/tls.h"

#define CIPHER_MAX ((size_t)32 * 1024)

static struct rh_tls_door door;
static SSL_CTX *client_context;
static uint8_t plain[RH_TLS_PLAIN_BYTES(CIPHER_MAX)];
static uint8_t out_memory[RH_TLS_OUT_BYTES];

static void make_files(const char *certificate_file, const char *key_file)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    X509 *certificate = X509_new();
    FILE *file = fopen(key_file, "w");

    RH_ASSERT(key != NULL && certificate != NULL && file != NULL);
    RH_ASSERT(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1);
    fclose(file);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    RH_ASSERT(X509_set_pubkey(certificate, key) == 1);
    RH_ASSERT(X509_sign(certificate, key, EVP_sha256()) > 0);
    file = fopen(certificate_file, "w");
    RH_ASSERT(file != NULL && PEM_write_X509(file, certificate) == 1);
    fclose(file);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static void begin(void)
{
    char directory[] = "/tmp/fuzz-tls-XXXXXX";
    char certificate_file[64];
    char key_file[64];
    char complaint[RH_TLS_COMPLAINT_BYTES];

    if (door.context != NULL)
        return;
    RH_ASSERT(mkdtemp(directory) != NULL);
    snprintf(certificate_file, sizeof certificate_file, "%s/c", directory);
    snprintf(key_file, sizeof key_file, "%s/k", directory);
    make_files(certificate_file, key_file);
    enum rh_error error = rh_tls_door_open(&door, certificate_file, key_file, complaint);
    RH_ASSERT(error == RH_OK);
    unlink(certificate_file);
    unlink(key_file);
    rmdir(directory);
    client_context = SSL_CTX_new(TLS_client_method());
    RH_ASSERT(client_context != NULL);
}

/* ---- bytes as they are ---- */

static void take_raw(struct input *in)
{
    struct rh_tls *tls = rh_tls_create(&door);
    enum rh_error error = RH_OK;

    RH_ASSERT(tls != NULL);
    while (in->size > 0) {
        size_t n = 1 + (size_t)input_u8(in) * 8;
        struct rh_buffer out;
        size_t size = 0;
        enum rh_error next;

        n = n < in->size ? n : in->size;
        rh_buffer_init(&out, out_memory, sizeof out_memory);
        next = rh_tls_read(tls, (struct rh_bytes){in->data, n}, plain, &size, &out);
        RH_ASSERT(error != RH_ERR_SYNTAX || next == RH_ERR_SYNTAX);
        RH_ASSERT(size == 0 || rh_tls_is_open(tls));
        error = next;
        in->data += n;
        in->size -= n;
    }
    rh_tls_destroy(tls);
}

/* ---- with a client ---- */

struct pair {
    struct rh_tls *tls;
    SSL *client;
    BIO *to_client;
    BIO *from_client;
    uint8_t sent; /* what the client wrote, as a counter of bytes */
    uint8_t received;
    bool broken;
    bool flipped;
    bool ended; /* we did */
};

static void to_client(struct pair *p, const struct rh_buffer *out)
{
    if (out->size > 0)
        (void)BIO_write(p->to_client, out->data, (int)out->size);
}

/* What the client sent goes to us, `flip` counted from its start is changed (0: nothing). */
static void deliver(struct pair *p, size_t flip)
{
    static uint8_t wire[CIPHER_MAX];
    int n = BIO_read(p->from_client, wire, sizeof wire);
    struct rh_buffer out;
    size_t size = 0;
    enum rh_error error;

    if (n <= 0)
        return;
    if (flip > 0 && flip <= (size_t)n) {
        wire[flip - 1] ^= 0x20;
        p->flipped = true;
    }
    rh_buffer_init(&out, out_memory, sizeof out_memory);
    error = rh_tls_read(p->tls, (struct rh_bytes){wire, (size_t)n}, plain, &size, &out);
    for (size_t i = 0; i < size; i++)
        RH_ASSERT(plain[i] == p->received++);
    RH_ASSERT(!p->broken || error == RH_ERR_SYNTAX);
    /* Once we said that we are done, we cannot answer what the client may still ask for. */
    RH_ASSERT(error != RH_ERR_SYNTAX || p->flipped || p->broken || p->ended);
    p->broken = error == RH_ERR_SYNTAX;
    to_client(p, &out);
}

static void client_writes(struct pair *p, size_t size)
{
    uint8_t data[512];
    size_t done = 0;

    size = size < sizeof data ? size : sizeof data;
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)(p->sent + i);
    if (size > 0 && SSL_write_ex(p->client, data, size, &done) == 1)
        p->sent = (uint8_t)(p->sent + done);
}

static void we_write(struct pair *p, size_t size)
{
    static uint8_t data[RH_TLS_WRITE_BYTES];
    uint8_t got[1024];
    struct rh_buffer out;

    rh_buffer_init(&out, out_memory, sizeof out_memory);
    if (rh_tls_write(p->tls, (struct rh_bytes){data, size * 64}, &out) != RH_OK)
        return;
    to_client(p, &out);
    while (SSL_read(p->client, got, sizeof got) > 0)
        continue;
}

static void shake(struct pair *p)
{
    for (int i = 0; i < 4; i++) {
        (void)SSL_do_handshake(p->client);
        deliver(p, 0);
    }
    RH_ASSERT(rh_tls_is_open(p->tls));
}

static void step(struct pair *p, struct input *in)
{
    uint8_t what = input_u8(in);
    struct rh_buffer out;

    switch (what % 6) {
    case 0:
    case 1:
        client_writes(p, (size_t)input_u8(in) * 2);
        break;
    case 2:
        deliver(p, 0);
        break;
    case 3:
        deliver(p, input_u8(in));
        break;
    case 4:
        we_write(p, input_u8(in));
        break;
    default:
        if (what & 0x80) {
            (void)SSL_key_update(p->client, SSL_KEY_UPDATE_REQUESTED);
        } else if (what & 0x40) {
            (void)SSL_shutdown(p->client);
        } else {
            rh_buffer_init(&out, out_memory, sizeof out_memory);
            rh_tls_end(p->tls, &out);
            p->ended = true;
            to_client(p, &out);
        }
    }
}

static void take_steps(struct input *in, uint8_t how)
{
    static const unsigned char protocols[] = "\x02h2\x08http/1.1";
    struct pair p = {.tls = rh_tls_create(&door), .client = SSL_new(client_context)};

    RH_ASSERT(p.tls != NULL && p.client != NULL);
    p.to_client = BIO_new(BIO_s_mem());
    p.from_client = BIO_new(BIO_s_mem());
    SSL_set_bio(p.client, p.to_client, p.from_client);
    SSL_set_connect_state(p.client);
    if (how & 2)
        (void)SSL_set_max_proto_version(p.client, TLS1_2_VERSION);
    if (how & 4)
        (void)SSL_set_alpn_protos(p.client, protocols, sizeof protocols - 1);
    shake(&p);
    RH_ASSERT(rh_tls_chose_h2(p.tls) == ((how & 4) != 0));
    while (in->size > 0)
        step(&p, in);
    rh_tls_destroy(p.tls);
    SSL_free(p.client);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    uint8_t how = input_u8(&in);

    begin();
    if (size > 8192)
        return 0;
    if (how & 1)
        take_steps(&in, how);
    else
        take_raw(&in);
    return 0;
}
