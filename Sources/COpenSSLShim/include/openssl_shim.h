#ifndef BOLT_OPENSSL_SHIM_H
#define BOLT_OPENSSL_SHIM_H

#include "process_shim.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

// Only what Swift cannot call itself: stack macros and variadic functions of libcrypto.
// No function here decides anything.

/// A new P-256 key pair with a named curve, or NULL.
EVP_PKEY *boltssl_p256_generate(void);

/// An empty stack that does not own its certificates, or NULL.
STACK_OF(X509) *boltssl_certificates_new(void);
/// Appends without taking a reference; 0 when memory ran out.
int boltssl_certificates_push(STACK_OF(X509) *stack, X509 *certificate);
int boltssl_certificates_count(const STACK_OF(X509) *stack);
/// Borrowed; NULL when out of range.
X509 *boltssl_certificates_at(const STACK_OF(X509) *stack, int index);
/// Frees the stack only.
void boltssl_certificates_free(STACK_OF(X509) *stack);

/// Parses the subject alternative names; NULL when absent (`*status` is -1), repeated (-2) or malformed (other).
GENERAL_NAMES *boltssl_names_of(const X509 *certificate, int *status);
int boltssl_names_count(const GENERAL_NAMES *names);
/// Type (GEN_URI, GEN_DNS, GEN_IPADD) of one name with its borrowed bytes; GEN_OTHERNAME for all other types.
int boltssl_names_at(const GENERAL_NAMES *names, int index, const unsigned char **bytes, int *count);
void boltssl_names_free(GENERAL_NAMES *names);

/// OPENSSL_free is a macro.
void boltssl_free(void *memory);

#endif
