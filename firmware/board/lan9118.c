/*
 * The board's Ethernet controller, a LAN9118, polled, or interrupting where a frame
 * arrives. Frames go through its FIFOs, 32 bits at a time.
 */
#include <string.h>

#include "board.h"

#define REGISTER(offset) (*(volatile uint32_t *)(0x40200000u + (offset)))
#define RX_DATA REGISTER(0x00)
#define TX_DATA REGISTER(0x20)
#define RX_STATUS REGISTER(0x40)
#define TX_STATUS REGISTER(0x48)
#define IRQ_CFG REGISTER(0x54)
#define INT_STS REGISTER(0x58)
#define INT_EN REGISTER(0x5C)
#define BYTE_TEST REGISTER(0x64)
#define FIFO_INT REGISTER(0x68)
#define TX_CFG REGISTER(0x70)
#define HW_CFG REGISTER(0x74)
#define RX_FIFO_INF REGISTER(0x7C)
#define TX_FIFO_INF REGISTER(0x80)
#define MAC_CSR_CMD REGISTER(0xA4)
#define MAC_CSR_DATA REGISTER(0xA8)

enum { MAC_CR = 1, MAC_ADDRESS_HIGH = 2, MAC_ADDRESS_LOW = 3 };

#define HW_CFG_MUST_BE_ONE (1u << 20)
#define HW_CFG_TX_FIFO_5KB (5u << 16)
#define TX_CFG_ON (1u << 1)
#define IRQ_CFG_ON_HIGH_PUSH_PULL 0x111u
#define INT_FRAME_ARRIVED (1u << 3)
#define FIFO_INT_ARRIVED 0xFFu
#define MAC_CR_TX_ON (1u << 3)
#define MAC_CR_RX_ON (1u << 2)
#define MAC_CSR_BUSY (1u << 31)
#define TX_COMMAND_FIRST (1u << 13)
#define TX_COMMAND_LAST (1u << 12)
#define RX_STATUS_ERROR (1u << 15)

enum { CHECKSUM_LEN = 4 };

static void write_mac(uint32_t which, uint32_t value)
{
    MAC_CSR_DATA = value;
    MAC_CSR_CMD = MAC_CSR_BUSY | which;
    while (MAC_CSR_CMD & MAC_CSR_BUSY) {
    }
}

int ethernet_start(const uint8_t address[6])
{
    uint32_t low;

    if (BYTE_TEST != 0x87654321u) {
        return -1;
    }
    HW_CFG = HW_CFG_MUST_BE_ONE | HW_CFG_TX_FIFO_5KB;
    memcpy(&low, address, sizeof(low));
    write_mac(MAC_ADDRESS_LOW, low);
    write_mac(MAC_ADDRESS_HIGH, (uint32_t)address[4] | (uint32_t)address[5] << 8);
    write_mac(MAC_CR, MAC_CR_TX_ON | MAC_CR_RX_ON);
    TX_CFG = TX_CFG_ON;
    return 0;
}

void ethernet_interrupt_unmask(void)
{
    IRQ_CFG = IRQ_CFG_ON_HIGH_PUSH_PULL;
    FIFO_INT &= ~FIFO_INT_ARRIVED; /* from the first frame on */
    INT_STS = INT_FRAME_ARRIVED;
    INT_EN = INT_FRAME_ARRIVED;
}

void ethernet_interrupt_mask(void)
{
    INT_EN = 0;
}

int ethernet_send(const uint8_t *frame, size_t len)
{
    if (len > ETHERNET_FRAME_MAX || (TX_FIFO_INF & 0xFFFF) < len + 16) {
        return -1;
    }
    TX_DATA = TX_COMMAND_FIRST | TX_COMMAND_LAST | (uint32_t)len;
    TX_DATA = (uint32_t)len;
    for (size_t at = 0; at < len; at += 4) {
        uint32_t word = 0;

        memcpy(&word, frame + at, len - at < 4 ? len - at : 4);
        TX_DATA = word;
    }
    /* Each frame leaves a status, which nobody else takes away. */
    while (TX_FIFO_INF & 0xFF0000) {
        (void)TX_STATUS;
    }
    return 0;
}

size_t ethernet_receive(uint8_t *frame, size_t room)
{
    /* What is broken or too long is passed over, so that 0 says that nothing is left. */
    while (RX_FIFO_INF & 0xFF0000) {
        uint32_t status = RX_STATUS;
        size_t len = status >> 16 & 0x3FFF;

        for (size_t at = 0; at < len; at += 4) {
            uint32_t word = RX_DATA;

            if (at < room) {
                memcpy(frame + at, &word, room - at < 4 ? room - at : 4);
            }
        }
        if ((status & RX_STATUS_ERROR) == 0 && len > CHECKSUM_LEN && len - CHECKSUM_LEN <= room) {
            return len - CHECKSUM_LEN;
        }
    }
    return 0;
}
