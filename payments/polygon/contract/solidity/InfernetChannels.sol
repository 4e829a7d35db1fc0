// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC3009} from "@openzeppelin/contracts/interfaces/draft-IERC3009.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

/// @title Unidirectional payment channels with cumulative vouchers
/// @notice A payer locks tokens for one payee. Off the chain its signer signs
/// vouchers, each for the total promised so far; the payee redeems the last one
/// whenever it likes, and the payer takes back the rest after a delay in which
/// the payee can still redeem. Nobody owns this contract, nothing in it can be
/// paused or changed, and it knows one token.
contract InfernetChannels is EIP712, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @notice What a channel is. It is never stored: whoever calls shows it
    /// again, and its hash is the channel's id.
    /// @param payer whose tokens are locked, and who gets back the rest
    /// @param signer whose key signs the vouchers
    /// @param payee who is paid, for ever
    /// @param withdrawDelay seconds from startClose to finishClose
    /// @param salt tells channels between the same parties apart
    struct Config {
        address payer;
        address signer;
        address payee;
        uint40 withdrawDelay;
        uint64 salt;
    }

    /// @notice What is stored of a channel: one word.
    /// @param balance all that was ever put in; once closed, what was claimed
    /// @param claimed all that was ever paid out to the payee
    /// @param closeAt when the payer may take the rest, in Unix seconds; 0 while
    /// no close was started, CLOSED for ever after
    struct Channel {
        uint96 balance;
        uint96 claimed;
        uint40 closeAt;
    }

    /// @notice A payer's signed consent to a transfer, as of EIP-3009. Its
    /// nonce is authorizationNonce(id, amount, salt).
    struct Authorization {
        uint256 validAfter;
        uint256 validBefore;
        bytes32 salt;
        uint8 v;
        bytes32 r;
        bytes32 s;
    }

    /// @notice Why a voucher moves nothing.
    enum Reason {
        None,
        UnknownChannel,
        Closed,
        Stale,
        OverBalance,
        BadSignature
    }

    event Opened(
        bytes32 indexed channelId,
        address indexed payer,
        address indexed payee,
        address signer,
        uint40 withdrawDelay,
        uint64 salt,
        uint96 amount
    );
    event ToppedUp(bytes32 indexed channelId, uint96 amount, uint96 balance);
    event Redeemed(bytes32 indexed channelId, uint96 cumulative, bytes32 receiptRoot);
    event RedeemSkipped(bytes32 indexed channelId, Reason reason);
    event CloseStarted(bytes32 indexed channelId, uint40 closeAt);
    event ChannelClosed(bytes32 indexed channelId, uint96 claimed, uint96 refund);

    error BadConfig();
    error BadAmount();
    error BadRows();
    error NotPayer();
    error ChannelExists();
    error AlreadyClosing();
    error NotClosable();
    error WrongDeposit();
    error Refused(Reason reason);

    /// @notice What closeAt holds once a channel is closed. A closed channel
    /// keeps its word, so that its id, and with it its old vouchers, cannot be
    /// used again.
    uint40 public constant CLOSED = type(uint40).max;
    /// @notice The longest withdrawDelay: nobody locks tokens for ever by mistake.
    uint40 public constant MAX_DELAY = 30 days;

    bytes32 private constant VOUCHER = keccak256("Voucher(bytes32 channelId,uint128 cumulative,bytes32 receiptRoot)");
    bytes32 private constant COOPERATIVE_CLOSE = keccak256("CooperativeClose(bytes32 channelId,uint128 cumulative)");

    /// @notice Bytes of one row of redeemMany: payer 20, signer 20,
    /// withdrawDelay 5, salt 8, cumulative 12, receiptRoot 32, signature 65.
    uint256 private constant ROW = 162;

    /// @notice The token. USDC, where this is deployed for good.
    IERC20 public immutable token;
    /// @notice The shortest withdrawDelay, in seconds.
    uint40 public immutable minDelay;
    // Ids keep their meaning should the chain ever fork and change its number;
    // vouchers do not: those of the one fork are worth nothing on the other.
    bytes32 private immutable origin;

    // Channels by id, packed by _store: read once and written once, which the
    // compiler does not do for a struct.
    mapping(bytes32 id => uint256) private words;

    constructor(IERC20 token_, uint40 minDelay_) EIP712("Infernet Channels", "1") {
        require(address(token_).code.length > 0 && minDelay_ > 0 && minDelay_ <= MAX_DELAY, BadConfig());
        token = token_;
        minDelay = minDelay_;
        origin = _domainSeparatorV4();
    }

    // Opening and topping up

    /// @notice Opens a channel with amount of the caller's tokens, which it has
    /// approved. The caller is the payer: nobody else can take up its ids.
    function open(Config calldata config, uint96 amount) external nonReentrant returns (bytes32 id) {
        require(msg.sender == config.payer, NotPayer());
        id = _open(config, amount);
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        _received(before, amount);
    }

    /// @notice Opens a channel with the payer's signed consent; anyone may send
    /// it and pay the gas. The consent names the channel and the amount.
    function openWithAuthorization(Config calldata config, uint96 amount, Authorization calldata auth)
        external
        nonReentrant
        returns (bytes32 id)
    {
        id = _open(config, amount);
        _receive(config.payer, id, amount, auth);
    }

    /// @notice Adds the caller's tokens to a channel. A pending close stays
    /// pending, and its time stays.
    function topUp(bytes32 id, uint96 amount) external nonReentrant {
        _topUp(id, amount);
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        _received(before, amount);
    }

    /// @notice Adds to a channel with the payer's signed consent.
    function topUpWithAuthorization(Config calldata config, uint96 amount, Authorization calldata auth)
        external
        nonReentrant
    {
        bytes32 id = channelId(config);
        _topUp(id, amount);
        _receive(config.payer, id, amount, auth);
    }

    // Redeeming

    /// @notice Pays the payee what a voucher promises beyond what was claimed.
    /// Anyone may send it. Reverts with Refused where redeemMany would skip.
    function redeem(Config calldata config, uint128 cumulative, bytes32 receiptRoot, bytes calldata signature)
        external
        nonReentrant
        returns (uint256 paid)
    {
        bytes32 id = channelId(config);
        Channel memory ch = _load(id);
        Reason reason = _check(_domainSeparatorV4(), id, ch, config.signer, cumulative, receiptRoot, signature);
        require(reason == Reason.None, Refused(reason));
        paid = _claim(id, ch, cumulative, receiptRoot);
        token.safeTransfer(config.payee, paid);
    }

    /// @notice Pays one payee for many vouchers in one transfer. A row that
    /// moves nothing is skipped and said so; it stops no other.
    /// @param rows packed, see ROW
    function redeemMany(address payee, bytes calldata rows) external nonReentrant returns (uint256 paid) {
        require(rows.length % ROW == 0, BadRows());
        bytes32 domain = _domainSeparatorV4();
        for (uint256 at = 0; at < rows.length; at += ROW) {
            (bytes32 id, Channel memory ch, Reason reason, uint256 cumulative, bytes32 root) =
                _row(domain, payee, rows[at:at + ROW]);
            if (reason == Reason.None) paid += _claim(id, ch, cumulative, root);
            else emit RedeemSkipped(id, reason);
        }
        if (paid > 0) token.safeTransfer(payee, paid);
    }

    /// @notice Tells for each row what redeemMany would do with it if it stood
    /// alone.
    function checkMany(address payee, bytes calldata rows) external view returns (Reason[] memory reasons) {
        require(rows.length % ROW == 0, BadRows());
        bytes32 domain = _domainSeparatorV4();
        reasons = new Reason[](rows.length / ROW);
        for (uint256 i = 0; i < reasons.length; i++) {
            (,, reasons[i],,) = _row(domain, payee, rows[i * ROW:(i + 1) * ROW]);
        }
    }

    // Closing

    /// @notice Starts the delay after which the payer may take back the rest.
    /// It can be neither repeated nor taken back.
    function startClose(Config calldata config) external nonReentrant {
        require(msg.sender == config.payer, NotPayer());
        bytes32 id = channelId(config);
        Channel memory ch = _load(id);
        // Of a closed channel, balance may be zero too.
        require(ch.closeAt == 0, AlreadyClosing());
        require(ch.balance > 0, Refused(Reason.UnknownChannel));
        ch.closeAt = uint40(block.timestamp) + config.withdrawDelay;
        _store(id, ch);
        emit CloseStarted(id, ch.closeAt);
    }

    /// @notice Ends a channel whose delay is over: the rest goes to the payer.
    /// Anyone may send it; until somebody does, the payee can redeem.
    function finishClose(Config calldata config) external nonReentrant returns (uint256 refund) {
        bytes32 id = channelId(config);
        Channel memory ch = _load(id);
        // Also refuses channels that are not there or closed.
        require(ch.closeAt != 0 && ch.closeAt != CLOSED && block.timestamp >= ch.closeAt, NotClosable());
        refund = _close(id, ch);
        if (refund > 0) token.safeTransfer(config.payer, refund);
    }

    /// @notice Ends a channel at once, as both sides agree: the payee gets
    /// cumulative in all, the payer the rest. Anyone may send it.
    function closeCooperative(
        Config calldata config,
        uint128 cumulative,
        bytes calldata signerSignature,
        bytes calldata payeeSignature
    ) external nonReentrant {
        bytes32 id = channelId(config);
        Channel memory ch = _load(id);
        require(ch.balance > 0 || ch.closeAt != 0, Refused(Reason.UnknownChannel));
        require(ch.closeAt != CLOSED, Refused(Reason.Closed));
        require(cumulative >= ch.claimed, Refused(Reason.Stale));
        require(cumulative <= ch.balance, Refused(Reason.OverBalance));
        bytes32 digest = closeDigest(id, cumulative);
        bool agreed = _signed(digest, signerSignature, config.signer) && _signed(digest, payeeSignature, config.payee);
        require(agreed, Refused(Reason.BadSignature));

        uint256 paid = cumulative - ch.claimed;
        // Fits: it is not above balance.
        ch.claimed = uint96(cumulative);
        uint256 refund = _close(id, ch);
        if (paid > 0) token.safeTransfer(config.payee, paid);
        if (refund > 0) token.safeTransfer(config.payer, refund);
    }

    // Looking

    /// @notice A channel as it stands; all zero if it was never opened.
    function channels(bytes32 id) external view returns (uint96 balance, uint96 claimed, uint40 closeAt) {
        Channel memory ch = _load(id);
        return (ch.balance, ch.claimed, ch.closeAt);
    }

    /// @notice A channel's id; the same on no other chain and for no other contract.
    function channelId(Config calldata config) public view returns (bytes32) {
        return _id(config.payer, config.signer, config.payee, config.withdrawDelay, config.salt);
    }

    /// @notice The EIP-712 digest that a channel's signer signs for a voucher.
    function voucherDigest(bytes32 id, uint128 cumulative, bytes32 receiptRoot) external view returns (bytes32) {
        return _voucherDigest(_domainSeparatorV4(), id, cumulative, receiptRoot);
    }

    /// @notice The EIP-712 digest that signer and payee sign to close at once.
    function closeDigest(bytes32 id, uint128 cumulative) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(COOPERATIVE_CLOSE, id, cumulative)));
    }

    /// @notice The nonce that an EIP-3009 authorization must carry: it ties the
    /// payer's consent to this channel and this amount.
    function authorizationNonce(bytes32 id, uint96 amount, bytes32 salt) public pure returns (bytes32) {
        return keccak256(abi.encode(id, amount, salt));
    }

    // Inside

    function _open(Config calldata config, uint96 amount) private returns (bytes32 id) {
        bool good = config.payer != address(0) && config.signer != address(0) && config.payee != address(0)
            && config.payee != address(this) && config.withdrawDelay >= minDelay && config.withdrawDelay <= MAX_DELAY;
        require(good, BadConfig());
        require(amount > 0, BadAmount());
        id = channelId(config);
        require(words[id] == 0, ChannelExists());
        _store(id, Channel({balance: amount, claimed: 0, closeAt: 0}));
        emit Opened(
            id, config.payer, config.payee, config.signer, config.withdrawDelay, config.salt, amount
        );
    }

    function _topUp(bytes32 id, uint96 amount) private {
        require(amount > 0, BadAmount());
        Channel memory ch = _load(id);
        require(ch.closeAt != CLOSED, Refused(Reason.Closed));
        require(ch.balance > 0, Refused(Reason.UnknownChannel));
        ch.balance += amount;
        _store(id, ch);
        emit ToppedUp(id, amount, ch.balance);
    }

    // receiveWithAuthorization, not transferWithAuthorization: only this
    // contract can use the consent, so nobody can spend it outside of it.
    function _receive(address payer, bytes32 id, uint96 amount, Authorization calldata auth) private {
        uint256 before = token.balanceOf(address(this));
        IERC3009(address(token)).receiveWithAuthorization(
            payer,
            address(this),
            amount,
            auth.validAfter,
            auth.validBefore,
            authorizationNonce(id, amount, auth.salt),
            auth.v,
            auth.r,
            auth.s
        );
        _received(before, amount);
    }

    // A token that takes a fee, or moves nothing and says it did, is refused.
    function _received(uint256 before, uint256 amount) private view {
        require(token.balanceOf(address(this)) == before + amount, WrongDeposit());
    }

    function _row(bytes32 domain, address payee, bytes calldata row)
        private
        view
        returns (bytes32 id, Channel memory ch, Reason reason, uint256 cumulative, bytes32 root)
    {
        address payer;
        address signer;
        uint40 delay;
        uint64 salt;
        // The length was checked; slices would check it again for each field.
        assembly ("memory-safe") {
            let at := row.offset
            payer := shr(96, calldataload(at))
            signer := shr(96, calldataload(add(at, 20)))
            delay := shr(216, calldataload(add(at, 40)))
            salt := shr(192, calldataload(add(at, 45)))
            cumulative := shr(160, calldataload(add(at, 53)))
            root := calldataload(add(at, 65))
        }
        id = _id(payer, signer, payee, delay, salt);
        ch = _load(id);
        reason = _check(domain, id, ch, signer, cumulative, root, row[97:]);
    }

    // Cheapest first; the signature last.
    function _check(
        bytes32 domain,
        bytes32 id,
        Channel memory ch,
        address signer,
        uint256 cumulative,
        bytes32 root,
        bytes calldata signature
    ) private pure returns (Reason) {
        if (ch.closeAt == CLOSED) return Reason.Closed;
        if (ch.balance == 0) return Reason.UnknownChannel;
        if (cumulative <= ch.claimed) return Reason.Stale;
        if (cumulative > ch.balance) return Reason.OverBalance;
        if (!_signed(_voucherDigest(domain, id, cumulative, root), signature, signer)) return Reason.BadSignature;
        return Reason.None;
    }

    // Call only after _check found nothing.
    function _claim(bytes32 id, Channel memory ch, uint256 cumulative, bytes32 root) private returns (uint256 paid) {
        unchecked {
            paid = cumulative - ch.claimed;
        }
        ch.claimed = uint96(cumulative);
        _store(id, ch);
        emit Redeemed(id, uint96(cumulative), root);
    }

    function _close(bytes32 id, Channel memory ch) private returns (uint96 refund) {
        refund = ch.balance - ch.claimed;
        _store(id, Channel({balance: ch.claimed, claimed: ch.claimed, closeAt: CLOSED}));
        emit ChannelClosed(id, ch.claimed, refund);
    }

    function _load(bytes32 id) private view returns (Channel memory) {
        uint256 word = words[id];
        return Channel({balance: uint96(word), claimed: uint96(word >> 96), closeAt: uint40(word >> 192)});
    }

    function _store(bytes32 id, Channel memory ch) private {
        words[id] = uint256(ch.balance) | uint256(ch.claimed) << 96 | uint256(ch.closeAt) << 192;
    }

    // 65 bytes with a low s and nothing else, so that a voucher has one signature.
    function _signed(bytes32 digest, bytes calldata signature, address by) private pure returns (bool) {
        (address who, ECDSA.RecoverError err,) = ECDSA.tryRecoverCalldata(digest, signature);
        return err == ECDSA.RecoverError.NoError && who == by;
    }

    function _id(address payer, address signer, address payee, uint40 delay, uint64 salt)
        private
        view
        returns (bytes32)
    {
        return keccak256(abi.encode(origin, payer, signer, payee, delay, salt));
    }

    function _voucherDigest(bytes32 domain, bytes32 id, uint256 cumulative, bytes32 root)
        private
        pure
        returns (bytes32)
    {
        return MessageHashUtils.toTypedDataHash(domain, keccak256(abi.encode(VOUCHER, id, cumulative, root)));
    }
}
