#include "openssl_shim.h"

EVP_PKEY *boltssl_p256_generate(void) { return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"); }

STACK_OF(X509) *boltssl_certificates_new(void) { return sk_X509_new_null(); }

int boltssl_certificates_push(STACK_OF(X509) *stack, X509 *certificate) {
    return sk_X509_push(stack, certificate) > 0;
}

int boltssl_certificates_count(const STACK_OF(X509) *stack) {
    int count = stack == NULL ? 0 : sk_X509_num(stack);
    return count < 0 ? 0 : count;
}

X509 *boltssl_certificates_at(const STACK_OF(X509) *stack, int index) {
    return stack == NULL ? NULL : sk_X509_value(stack, index);
}

void boltssl_certificates_free(STACK_OF(X509) *stack) { sk_X509_free(stack); }

GENERAL_NAMES *boltssl_names_of(const X509 *certificate, int *status) {
    return X509_get_ext_d2i(certificate, NID_subject_alt_name, status, NULL);
}

int boltssl_names_count(const GENERAL_NAMES *names) { return names == NULL ? 0 : sk_GENERAL_NAME_num(names); }

int boltssl_names_at(const GENERAL_NAMES *names, int index, const unsigned char **bytes, int *count) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, index);
    const ASN1_STRING *text = NULL;
    *bytes = NULL;
    *count = 0;
    if (name == NULL) return GEN_OTHERNAME;
    switch (name->type) {
    case GEN_URI: text = name->d.uniformResourceIdentifier; break;
    case GEN_DNS: text = name->d.dNSName; break;
    case GEN_IPADD: text = name->d.iPAddress; break;
    default: return GEN_OTHERNAME;
    }
    *bytes = ASN1_STRING_get0_data(text);
    *count = ASN1_STRING_length(text);
    return name->type;
}

void boltssl_names_free(GENERAL_NAMES *names) { GENERAL_NAMES_free(names); }

void boltssl_free(void *memory) { OPENSSL_free(memory); }
